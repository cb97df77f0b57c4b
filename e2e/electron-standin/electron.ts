/** The module `electron`, as far as Quarterdeck uses it; an import of anything else fails by name. */
import { app } from './app.ts';
import { strict } from './strict.ts';
import { utilityProcess as realUtilityProcess } from './utility-process.ts';
import { protocol as realProtocol } from './protocol.ts';

export { app };
export { BrowserWindow } from './browser-window.ts';
export { ipcMain } from './ipc-main.ts';
export { Menu, MenuItem } from './menu.ts';
export { MessageChannelMain, MessagePortMain } from './message-ports.ts';
export { session } from './session.ts';
export { webContents } from './web-contents.ts';

export const protocol = strict('protocol', realProtocol);
export const utilityProcess = strict('utilityProcess', realUtilityProcess);

const opened: string[] = [];
/** Nothing is opened; specs ask for `shell.opened`. */
export const shell = strict('shell', { opened, openExternal: (url: string): Promise<void> => { opened.push(url); return Promise.resolve(); } });

export const screen = strict('screen', { getAllDisplays: () => [{ workArea: { x: 0, y: 0, width: 1920, height: 1080 } }] });

export const dialog = strict('dialog', { showErrorBox: (title: string, content: string): void => { process.stderr.write(`${title}: ${content}\n`); } });
