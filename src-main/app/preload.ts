/**
 * All that a page of the desktop app gets of it (src-renderer/app/desktop.d.ts). Ports do not survive the bridge, so
 * they are re-posted to the page as messages.
 */
import { contextBridge, ipcRenderer } from 'electron';

declare const window: { postMessage(message: unknown, targetOrigin: string, transfer: readonly unknown[]): void };

ipcRenderer.on('engine-port', ({ ports }) => { window.postMessage({ type: 'quarterdeck:engine-port' }, '*', ports); });

contextBridge.exposeInMainWorld('quarterdeck', {
  platform: process.platform,
  requestEnginePort: () => ipcRenderer.send('engine-port'),
  openConsoleWindow: (vmId: string, query: string) => ipcRenderer.send('open-console', vmId, query),
});
