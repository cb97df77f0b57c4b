import { MessageChannel } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { EngineError } from '../base/errors.ts';
import { pagePort } from './port.ts';
import { connect, serve, type Port } from './rpc.ts';

interface Calculator { numbers: { add(a: number, b: number): Promise<number>; fail(): Promise<never>; never(): Promise<void> } }
interface Facts { 'sum.grew': number }

const calculator: Calculator = {
  numbers: {
    add: (a, b) => Promise.resolve(a + b),
    fail: () => Promise.reject(new EngineError('overflow', 'The sum is too large.')),
    never: () => new Promise(() => undefined),
  },
};

function pair(): { near: Port; far: Port; client: ReturnType<typeof connect<Calculator, Facts>>; server: ReturnType<typeof serve<Calculator, Facts>> } {
  const { port1, port2 } = new MessageChannel();
  const near = pagePort(port1), far = pagePort(port2);
  return { near, far, client: connect<Calculator, Facts>(near), server: serve<Calculator, Facts>(far, calculator) };
}

test('a call is answered with what the method returns', async () => {
  const { client, near } = pair();
  expect(await client.api.numbers.add(2, 3)).toBe(5);
  near.close();
});

test('a failure crosses as its code and sentence', async () => {
  const { client, near } = pair();
  await expect(client.api.numbers.fail()).rejects.toEqual(new EngineError('overflow', 'The sum is too large.'));
  near.close();
});

test.each([['numbers', 'multiply'], ['numbers', 'constructor'], ['constructor', 'call'], ['__proto__', 'toString']])('%s.%s is no method', async (group, method) => {
  const { client, near } = pair();
  const api = client.api as unknown as Record<string, Record<string, () => Promise<unknown>>>;
  await expect(api[group]?.[method]?.()).rejects.toMatchObject({ code: 'no-such-method' });
  near.close();
});

test('a call without an answer rejects when the port closes, and so do later ones', async () => {
  const { client, far } = pair();
  const call = client.api.numbers.never();
  far.close();
  await expect(call).rejects.toMatchObject({ code: 'disconnected' });
  await expect(client.api.numbers.add(1, 1)).rejects.toMatchObject({ code: 'disconnected' });
});

test('an event is heard until the listener is taken away', async () => {
  const { client, server, near } = pair();
  const heard: number[] = [];
  const off = client.on('sum.grew', sum => heard.push(sum));
  server.emit('sum.grew', 1);
  await client.api.numbers.add(0, 0);
  off();
  server.emit('sum.grew', 2);
  await client.api.numbers.add(0, 0);
  expect(heard).toEqual([1]);
  near.close();
});

test('a client that sends something else than calls is disconnected', async () => {
  const { near, client } = pair();
  near.send({ kind: 'call', id: 1, group: 'numbers' });
  await expect(client.api.numbers.never()).rejects.toMatchObject({ code: 'disconnected' });
});
