/**
 * The same specs against each way the console is delivered: by `quarterdeck serve` to a browser, by the desktop app in
 * the Electron stand-in (those that it can differ in), and by the desktop app in Electron itself where its runtime is installed.
 */
import { defineConfig } from '@playwright/test';
import type { AppOptions } from './fixtures/app.ts';
import { electronRuntime } from './fixtures/electron-runtime.ts';
import { LOOK } from './pages/accessibility.ts';

/** Specs of what passes between the page and the engine, and of windows: the rest is the same however the console is delivered. */
const DELIVERY = ['cancelled-task', 'console', 'console-window', 'diagnostics-vm', 'display', 'engine-restart', 'language', 'linux-vm', 'performance', 'saved-state'];

const runtime = electronRuntime();
if (runtime === undefined && process.env.TEST_WORKER_INDEX === undefined) console.error('The project "electron" is left out: no Electron runtime is installed on this machine.');

export default defineConfig<AppOptions>({
  testDir: 'specs',
  outputDir: '../test-results/e2e',
  globalSetup: './fixtures/build.ts',
  reporter: [['list'], ['json', { outputFile: '../test-results/e2e.json' }]],
  forbidOnly: process.env.CI !== undefined,
  // Each VM is a busy thread, and so is each browser.
  workers: 1,
  timeout: 60_000,
  expect: { timeout: 15_000 },
  use: { trace: 'retain-on-failure', colorScheme: 'light', contextOptions: { reducedMotion: 'reduce' } },
  projects: [
    { name: 'server', use: { host: 'server' }, grepInvert: /@electron/ },
    // The stand-in shows pages in the same browser.
    { name: 'electron-standin', use: { host: 'electron-standin' }, testMatch: DELIVERY.map(name => `**/${name}.spec.ts`), grepInvert: new RegExp(LOOK) },
    ...(runtime === undefined ? [] : [{ name: 'electron', use: { host: 'electron' as const } }]),
  ],
});
