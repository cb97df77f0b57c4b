import { Menu } from 'electron';

/** The shell hides it until Alt is pressed; its shortcuts always work. */
export function applicationMenu(openMain: () => void): Menu {
  return Menu.buildFromTemplate([
    { label: '&File', submenu: [{ label: 'Open the console', accelerator: 'CmdOrCtrl+Shift+N', click: openMain }, { type: 'separator' }, { role: 'close' }, { role: 'quit' }] },
    { label: '&Edit', submenu: [{ role: 'cut' }, { role: 'copy' }, { role: 'paste' }, { role: 'selectAll' }] },
    { label: '&View', submenu: [{ role: 'reload' }, { role: 'toggleDevTools' }, { type: 'separator' }, { role: 'resetZoom' }, { role: 'zoomIn' }, { role: 'zoomOut' }, { type: 'separator' }, { role: 'togglefullscreen' }] },
    { label: '&Window', submenu: [{ role: 'minimize' }] },
  ]);
}
