/**
 * `npm run bench -- --only console`: the console over an inventory of 10,000 VMs, and of 40,000, in a real browser. The engine,
 * its file and the built page are the real ones. Prints what is measured beside what is allowed.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type Page } from '@playwright/test';
import { CHROMIUM, CHROMIUM_ARGS } from '../e2e/fixtures/chromium.ts';
import { build } from '../scripts/build.ts';
import { accessToken } from '../src-main/cli/access-token.ts';
import { ConsoleServer } from '../src-main/cli/console-server.ts';
import { Engine } from '../src-main/engine/engine.ts';
import { startVm } from '../src-main/hypervisor/start-vm.ts';
import { changeStates, writeInventory } from './console-inventory.ts';
import { spread } from './report.ts';

interface Figure { readonly what: string; readonly values: readonly number[]; readonly unit: 'ms' | 'MiB'; readonly limit: number }

/** Time from doing something to the next frame that has been painted, and frames while something goes on; all in the page. */
const IN_PAGE = `
  window.painted = () => new Promise(done => requestAnimationFrame(() => { const { port1, port2 } = new MessageChannel(); port1.onmessage = () => done(performance.now()); port2.postMessage(0); }));
  window.timed = async act => { await painted(); const from = performance.now(); act(); return await painted() - from; };
  window.frames = async (spanMs, each = () => {}) => {
    const gaps = [], end = performance.now() + spanMs;
    for (let before = performance.now(); before < end;) {
      each();
      const now = await new Promise(requestAnimationFrame);
      gaps.push(now - before);
      before = now;
    }
    return gaps.slice(2);
  };
  window.type = (input, text) => { input.value = text; input.dispatchEvent(new Event('input', { bubbles: true })); };
  window.grid = () => document.querySelector('[role=group][aria-label="Virtual machines"]');
  window.press = key => document.querySelector('[role=tree]').dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));
`;
const TAB = (name: string) => `[...document.querySelectorAll('main [role=tab]')].find(tab => tab.textContent.trim() === '${name}')`;
const HEADER = (name: string) => `[...document.querySelectorAll('main th button')].find(button => button.textContent.trim().startsWith('${name}'))`;

const timed = (page: Page, act: string) => page.evaluate<number>(`timed(() => { ${act} })`);
const p95 = (values: readonly number[]) => [...values].sort((a, b) => a - b)[Math.floor(values.length * 0.95)] ?? NaN;

async function repeated(times: number, measure: () => Promise<number>): Promise<number[]> {
  const values: number[] = [];
  for (let time = 0; time < times; time++) values.push(await measure());
  return values;
}

async function inUse(page: Page): Promise<number> {
  const session = await page.context().newCDPSession(page);
  await session.send('HeapProfiler.collectGarbage');
  const { usedSize } = await session.send('Runtime.getHeapUsage');
  return usedSize / 2 ** 20;
}

const UPDATES_PER_SECOND = 2000, BATCHES_PER_SECOND = 20, UPDATE_MS = 5000;

/** Changes go through the inventory, to its file and to the page, while frames are counted. */
async function updates(page: Page, engine: Engine, vms: number): Promise<number[]> {
  const size = UPDATES_PER_SECOND / BATCHES_PER_SECOND;
  let sent = 0;
  const timer = setInterval(() => { void engine.inventory.transact(edit => changeStates(edit, (sent++) * size, size, vms)); }, 1000 / BATCHES_PER_SECOND);
  try { return await page.evaluate<number[]>(`frames(${UPDATE_MS})`); } finally { clearInterval(timer); }
}

async function measureAll(page: Page, engine: Engine, vms: number, address: string): Promise<readonly Figure[]> {
  const opening = await repeated(2, async () => {
    const from = performance.now();
    await page.goto(`${address}#/root/root/summary`);
    await page.reload();
    await page.getByRole('treeitem').first().waitFor();
    return (performance.now() - from);
  });
  await page.evaluate(IN_PAGE);
  const open = (key: string) => timed(page, `press('${key}')`);
  await page.getByRole('treeitem').first().click();
  const tree = await repeated(5, async () => { await open('ArrowLeft'); return open('ArrowRight'); });
  const switched = await repeated(5, async () => { await timed(page, 'document.getElementById("navigator-host").click()'); return timed(page, 'document.getElementById("navigator-vm").click()'); });
  const mount = await repeated(5, async () => { await timed(page, `${TAB('Summary')}.click()`); return timed(page, `${TAB('VMs')}.click()`); });
  const filter = await repeated(5, async () => { await timed(page, 'type(document.querySelector("main [type=search]"), "")'); return timed(page, 'type(document.querySelector("main [type=search]"), "db esx-1")'); });
  await timed(page, 'type(document.querySelector("main [type=search]"), "")');
  const sort: number[] = [];
  for (const name of ['Name', 'State', 'Host', 'Memory']) sort.push(await timed(page, `${HEADER(name)}.click()`), await timed(page, `${HEADER(name)}.click()`));
  const scrolled = (step: number) => page.evaluate<number[]>(`{ let top = 0; frames(3000, () => { grid().scrollTop = (top += ${step}); }) }`);
  const wheel = await scrolled(120), drag = await scrolled(400);
  const idle = await page.evaluate<number[]>('frames(1000)');
  const changing = await updates(page, engine, vms);
  const search = await repeated(5, async () => { await timed(page, 'type(document.querySelector(".global-search input"), "")'); return timed(page, 'document.querySelector(".global-search input").focus(); type(document.querySelector(".global-search input"), "tag:stage web")'); });
  return [
    { what: 'inventory usable, from the address on', values: opening, unit: 'ms', limit: 1500 },
    { what: 'tree from closed to fully open', values: tree, unit: 'ms', limit: 200 },
    { what: 'another tree', values: switched, unit: 'ms', limit: 200 },
    { what: 'list of all VMs, mount', values: mount, unit: 'ms', limit: 200 },
    { what: 'list, filter', values: filter, unit: 'ms', limit: 50 },
    { what: 'list, sort', values: sort, unit: 'ms', limit: 50 },
    { what: 'list, scrolled as by a fast wheel (120 px a frame), 95 % of frames', values: [p95(wheel)], unit: 'ms', limit: 33 },
    { what: 'list, scrolled as by its bar (400 px a frame), 95 % of frames', values: [p95(drag)], unit: 'ms', limit: 33 },
    { what: 'search, each letter', values: search, unit: 'ms', limit: 50 },
    { what: `frames at ${UPDATES_PER_SECOND} changes a second, the longest`, values: [Math.max(...changing)], unit: 'ms', limit: 50 },
    { what: 'the same, 95 % of frames', values: [p95(changing)], unit: 'ms', limit: 33 },
    { what: 'frames when nothing changes, the longest', values: [Math.max(...idle)], unit: 'ms', limit: 50 },
    { what: 'heap of the page', values: [await inUse(page)], unit: 'MiB', limit: 300 },
  ];
}

function tableOf(vms: number, figures: readonly Figure[]): string {
  const rows = figures.map(({ what, values, unit, limit }) => {
    const { min, median, max } = spread(values);
    return `| ${what} | ${[min, median, max].map(value => value.toFixed(0)).join(' / ')} ${unit} | ${limit} ${unit} | ${Math.round(median) <= limit ? 'yes' : '**no**'} |`;
  });
  return [`${vms.toLocaleString('en')} VMs`, '', '| what | min / median / max | at most | reached |', '|---|---|---|---|', ...rows].join('\n');
}

async function run(vms: number): Promise<boolean> {
  const dataPath = await mkdtemp(join(tmpdir(), 'quarterdeck-console-bench-'));
  try {
    await writeInventory(dataPath, vms);
    const engine = await Engine.open({ dataPath, startVm });
    const server = await ConsoleServer.listen({ port: 0, host: '127.0.0.1', pageFolder: join(import.meta.dirname, '../dist/renderer'), token: await accessToken(dataPath), connect: client => engine.connect(client) });
    const browser = await chromium.launch({ executablePath: CHROMIUM, args: [...CHROMIUM_ARGS] });
    try {
      const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
      await page.goto(server.url);
      const figures = await measureAll(page, engine, vms, new URL(page.url()).origin + new URL(page.url()).pathname);
      console.log(`${tableOf(vms, figures)}\n`);
      return figures.every(({ values, limit }) => Math.round(spread(values).median) <= limit);
    } finally {
      await browser.close();
      await server.close();
      await engine.close();
    }
  } finally { await rm(dataPath, { recursive: true }); }
}

/** True when all budgets are kept at 10,000 VMs; what 40,000 cost is only told. */
export async function benchConsole(counts: readonly number[] = [10_000, 40_000]): Promise<boolean> {
  await build();
  const [first] = counts, kept: boolean[] = [];
  for (const vms of counts) kept.push(await run(vms) || vms !== first);
  return kept.every(Boolean);
}
