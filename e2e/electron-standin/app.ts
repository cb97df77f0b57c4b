/** `app`: readiness, switches, paths, and the order of events in which Electron quits. */
import { EventEmitter } from 'node:events';
import { mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type Electron from 'electron';
import { stopChromium } from './chromium.ts';
import { notImplemented, strict } from './strict.ts';
import { utilityProcesses } from './utility-process.ts';

type Implemented = 'whenReady' | 'isReady' | 'quit' | 'exit' | 'getVersion' | 'getName' | 'isPackaged' | 'enableSandbox' | 'requestSingleInstanceLock';

function switchValue(name: string): string {
  const given = process.argv.find(arg => arg.startsWith(`--${name}=`));
  return given === undefined ? '' : given.slice(name.length + 3);
}

let userData: string | undefined;
export function userDataPath(): string {
  if (userData === undefined) {
    userData = switchValue('user-data-dir') || mkdtempSync(join(tmpdir(), 'electron-standin-'));
    mkdirSync(userData, { recursive: true });
  }
  return userData;
}

class App extends EventEmitter implements Pick<Electron.App, Implemented> {
  readonly isPackaged = false;
  readonly commandLine = strict('app.commandLine', { getSwitchValue: switchValue, hasSwitch: (name: string) => process.argv.some(arg => arg === `--${name}` || arg.startsWith(`--${name}=`)) });
  readonly windows = new Set<{ close(): void }>();
  private ready: Promise<void> | undefined;
  private quitting = false;

  /** Chromium runs before the app's code does, so the app is ready as soon as it asks. */
  whenReady(): Promise<void> { return this.ready ??= Promise.resolve().then(() => { this.emit('ready', {}, {}); }); }
  isReady(): boolean { return this.ready !== undefined; }
  getVersion(): string { return '0.0.0-standin'; }
  getName(): string { return 'Quarterdeck'; }
  enableSandbox(): void { /* windows must ask for it, and here nothing else is possible */ }
  /** Profiles are never shared here. */
  requestSingleInstanceLock(): boolean { return true; }

  getPath(name: string): string {
    if (name !== 'userData') throw notImplemented(`app.getPath('${name}')`);
    return userDataPath();
  }

  getAppMetrics(): Pick<Electron.ProcessMetric, 'pid' | 'type' | 'name'>[] {
    const utilities = utilityProcesses().map(({ pid, serviceName }) => ({ pid: pid ?? 0, type: 'Utility' as const, name: serviceName }));
    return [{ pid: process.pid, type: 'Browser', name: 'Browser' }, ...utilities];
  }

  /** before-quit, the windows, will-quit, quit; the first and the third can stop it, and so can a window. */
  quit(): void { setImmediate(() => this.tryToQuit()); }
  exit(code = 0): void { process.exit(code); }

  lastWindowClosed(): void {
    if (this.quitting) return;
    if (this.listenerCount('window-all-closed') > 0) this.emit('window-all-closed');
    else this.quit();
  }

  private tryToQuit(): void {
    if (this.prevented('before-quit')) return;
    this.quitting = true;
    for (const window of this.windows) window.close();
    if (this.windows.size > 0) { this.quitting = false; return; }
    if (this.prevented('will-quit')) return;
    this.emit('quit', {}, 0);
    void stopChromium().finally(() => process.exit(0));
  }

  private prevented(event: string): boolean {
    let stopped = false;
    this.emit(event, { preventDefault: () => { stopped = true; } });
    return stopped;
  }
}

export const app = strict('app', new App());
process.on('SIGTERM', () => app.quit());
