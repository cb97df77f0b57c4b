import { expect, test } from 'vitest';
import type { EngineApi } from '../../shared/api/engine-api.ts';
import type { EngineEvents } from '../../shared/api/engine-events.ts';
import { pagePort } from '../../shared/api/port.ts';
import { serve } from '../../shared/api/rpc.ts';
import type { VmId } from '../../shared/base/ids.ts';
import { EngineClient } from './client.ts';
import { ConsoleSession, type ConsoleScreen } from './console-session.ts';
import type { LinkListener } from './link.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (all: readonly Uint8Array[]) => all.map(each => new TextDecoder().decode(each)).join('');

/** The console part of an engine at the other end of a real port. */
function startEngine(replay: string) {
  const { port1, port2 } = new MessageChannel();
  const heard = { attached: 0, detached: 0, typed: [] as Uint8Array[], acknowledged: [] as number[] };
  const consoles: EngineApi['consoles'] = {
    attach() {
      const consoleId = `console-${++heard.attached}`;
      output({ consoleId, bytes: bytes(replay) });
      return Promise.resolve({ consoleId });
    },
    detach() { heard.detached++; return Promise.resolve(); },
    write(_, typed) { heard.typed.push(typed); return Promise.resolve(); },
    acknowledge(_, count) { heard.acknowledged.push(count); return Promise.resolve(); },
  };
  const engine = { subscribe: () => Promise.resolve() };
  const served = serve<Pick<EngineApi, 'consoles'> & { engine: typeof engine }, EngineEvents>(pagePort(port1), { engine, consoles });
  const output = (printed: EngineEvents['console.output']) => { served.emit('console.output', printed); };
  return { port: port2, heard, print: (consoleId: string, printed: string) => { output({ consoleId, bytes: bytes(printed) }); }, die: () => { port1.close(); } };
}

function setUp() {
  let listener: LinkListener | undefined;
  const client = new EngineClient();
  client.start(given => { listener = given; }, () => Promise.resolve());
  const connect = (port: MessagePort) => new Promise<void>(resolve => {
    const subscription = client.stateChanged.on(state => { if (state === 'connected') { subscription.dispose(); resolve(); } });
    listener?.opened(pagePort(port));
  });
  return { client, connect, lose: () => listener?.lost() };
}

function screen() {
  const shown: Uint8Array[] = [];
  const failures: unknown[] = [];
  let waiting: (() => void) | undefined;
  const onScreen: ConsoleScreen = {
    reset: () => { shown.length = 0; },
    write: (output, done) => { shown.push(output); done(); waiting?.(); },
    failed: error => { failures.push(error); },
  };
  const showing = (wanted: string) => new Promise<void>(resolve => {
    waiting = () => { if (text(shown).includes(wanted)) resolve(); };
    waiting();
  });
  return { onScreen, shown, failures, showing };
}

test('the replay is shown even when it overtakes the answer to attach', async () => {
  const [engine, page, view] = [startEngine('booted\n'), setUp(), screen()];
  await page.connect(engine.port);
  const session = new ConsoleSession(page.client, 'vm-1' as VmId, view.onScreen);
  await view.showing('booted');
  engine.print('console-1', '# ');
  await view.showing('# ');
  session.type(bytes('ls\r'));
  await page.client.call(api => api.engine.subscribe());
  engine.print('console-9', 'of another console');
  engine.print('console-1', 'end');
  await view.showing('end');
  expect([text(view.shown), text(engine.heard.typed), view.failures]).toEqual(['booted\n# end', 'ls\r', []]);
  engine.die();
});

test('what was shown is acknowledged in batches, so that a flood waits for the screen', async () => {
  const [engine, page, view] = [startEngine(''), setUp(), screen()];
  await page.connect(engine.port);
  const session = new ConsoleSession(page.client, 'vm-1' as VmId, view.onScreen);
  for (let i = 0; i < 5; i++) engine.print('console-1', 'x'.repeat(10_000));
  engine.print('console-1', 'end');
  await view.showing('end');
  session.dispose();
  await page.client.call(api => api.engine.subscribe());
  expect([engine.heard.acknowledged, engine.heard.detached]).toEqual([[40_000], 1]);
  engine.die();
});

test('after a reconnection the screen is cleared and shows the new replay', async () => {
  const [first, second, page, view] = [startEngine('before'), startEngine('after'), setUp(), screen()];
  await page.connect(first.port);
  const session = new ConsoleSession(page.client, 'vm-1' as VmId, view.onScreen);
  await view.showing('before');
  first.die();
  page.lose();
  session.type(bytes('lost'));
  await page.connect(second.port);
  await view.showing('after');
  expect([text(view.shown), second.heard.typed, view.failures]).toEqual(['after', [], []]);
  second.die();
});

test('a console closed while it is being attached is detached', async () => {
  const [engine, page, view] = [startEngine('booted'), setUp(), screen()];
  await page.connect(engine.port);
  new ConsoleSession(page.client, 'vm-1' as VmId, view.onScreen).dispose();
  await page.client.call(api => api.engine.subscribe());
  await page.client.call(api => api.engine.subscribe());
  expect([engine.heard.attached, engine.heard.detached, text(view.shown)]).toEqual([1, 1, '']);
  engine.die();
});

test('calls without a connection are refused with a sentence', async () => {
  await expect(setUp().client.call(api => api.inventory.list())).rejects.toThrow('The engine is not connected.');
});
