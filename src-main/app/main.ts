/** The desktop app: a window on the console, and the engine in a process of its own. */
import { join } from 'node:path';
import { app, BrowserWindow, dialog, ipcMain, Menu } from 'electron';
import { EngineProcess } from './engine-process.ts';
import { isConsolePage, restrictPages } from './hardening.ts';
import { applicationMenu } from './menu.ts';
import { registerPageScheme, servePage } from './page-protocol.ts';
import { Windows } from './windows.ts';

const HERE = import.meta.dirname;

async function start(): Promise<void> {
  await app.whenReady();
  restrictPages();
  servePage(join(HERE, '../renderer'));
  const dataPath = app.commandLine.getSwitchValue('data');
  const engine = new EngineProcess({ entry: join(HERE, '../engine/engine.js'), args: dataPath === '' ? [] : [dataPath], refused: giveUp });
  const windows = new Windows({ preload: join(HERE, 'preload.cjs'), statePath: join(app.getPath('userData'), 'window-state.json') });
  answerPages(engine, windows);
  quitAfter(engine);
  Menu.setApplicationMenu(applicationMenu(() => windows.openMain()));
  app.on('second-instance', () => windows.openMain());
  app.on('activate', () => windows.openMain());
  engine.start();
  windows.openMain();
}

/** Messages count only from the main frame of one of our own pages. */
function answerPages(engine: EngineProcess, windows: Windows): void {
  ipcMain.on('engine-port', event => { if (isConsolePage(event.senderFrame)) engine.serve(event.sender); });
  ipcMain.on('open-console', (event, vmId: unknown, query: unknown) => {
    if (isConsolePage(event.senderFrame) && typeof vmId === 'string' && /^[\w-]{1,64}$/.test(vmId) && typeof query === 'string' && /^[\w&=-]{0,128}$/.test(query)) windows.openConsole(vmId, query);
  });
}

/** Running VMs are powered off, and what is known is saved, before the app is gone. */
function quitAfter(engine: EngineProcess): void {
  let closed = false;
  app.on('window-all-closed', () => app.quit());
  app.on('will-quit', event => {
    if (closed) return;
    event.preventDefault();
    void engine.close().finally(() => { closed = true; app.quit(); });
  });
}

/** Such as an inventory of a newer version: starting again would not help. */
function giveUp(sentence: string): void {
  for (const window of BrowserWindow.getAllWindows()) window.hide();
  dialog.showErrorBox('Quarterdeck cannot start', sentence);
  app.exit(1);
}

registerPageScheme();
app.enableSandbox();
if (app.requestSingleInstanceLock()) void start();
else app.quit();
