/**
 * Typed calls and events over any port. A method is written once as a type and once as code; its name goes over the
 * port as data. What is called is always an own property of a group that is an own property of the API.
 */
import { EngineError, saidOf } from '../base/errors.ts';
import { say, type Said } from '../base/phrase.ts';
import type { Port } from './port.ts';

export type { Port } from './port.ts';

/** Methods grouped by noun: `vms.powerOn(id)`. */
export type Api<A> = { readonly [Group in keyof A]: object };

type Message =
  | { readonly kind: 'call'; readonly id: number; readonly group: string; readonly method: string; readonly args: readonly unknown[] }
  | { readonly kind: 'return'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'throw'; readonly id: number; readonly error: { readonly code: string; readonly said: Said } }
  | { readonly kind: 'event'; readonly name: string; readonly payload: unknown };

type Call = Extract<Message, { kind: 'call' }>;

/** Answers calls of the other side; the port is closed when it says something that is not a call. */
export function serve<A extends Api<A>, E extends object>(port: Port, api: A): { emit<K extends keyof E & string>(name: K, payload: E[K]): void } {
  const send = (message: Message) => port.send(message);
  port.onMessage(message => {
    if (isCall(message)) void answer(api, message).then(send);
    else port.close();
  });
  return { emit: (name, payload) => send({ kind: 'event', name, payload }) };
}

async function answer(api: object, { id, group, method, args }: Call): Promise<Message> {
  try {
    const target = own(api, group);
    const code = own(target, method);
    if (typeof code !== 'function') throw new EngineError('no-such-method', say`The engine has no method ${group}.${method}.`);
    return { kind: 'return', id, value: await (code.apply(target, args) as unknown) };
  } catch (error) {
    return { kind: 'throw', id, error: { code: error instanceof EngineError ? error.code : 'internal', said: saidOf(error) } };
  }
}

function own(target: unknown, name: string): unknown {
  return typeof target === 'object' && target !== null && Object.hasOwn(target, name) ? (target as Record<string, unknown>)[name] : undefined;
}

function isCall(message: unknown): message is Call {
  if (typeof message !== 'object' || message === null) return false;
  const { kind, id, group, method, args } = message as Record<string, unknown>;
  return kind === 'call' && typeof id === 'number' && typeof group === 'string' && typeof method === 'string' && Array.isArray(args);
}

interface Pending { resolve(value: unknown): void; reject(error: Error): void }

export interface Connection<A, E> {
  readonly api: A;
  /** Hears an event until the function returned is called. */
  on<K extends keyof E & string>(name: K, listener: (payload: E[K]) => void): () => void;
}

/** Calls the other side. Calls without an answer when the port closes, and later ones, reject as `disconnected`. */
export function connect<A extends Api<A>, E extends object>(port: Port): Connection<A, E> {
  const pending = new Map<number, Pending>();
  const listeners = new Map<string, Set<(payload: never) => void>>();
  let nextId = 1, closed = false;

  port.onMessage(data => {
    const message = data as Message;
    if (message.kind === 'event') for (const listener of [...listeners.get(message.name) ?? []]) listener(message.payload as never);
    if (message.kind === 'return') take(message.id)?.resolve(message.value);
    if (message.kind === 'throw') take(message.id)?.reject(new EngineError(message.error.code, message.error.said));
  });
  port.onClose(() => {
    closed = true;
    for (const call of [...pending.values()]) call.reject(disconnected());
    pending.clear();
  });

  function take(id: number): Pending | undefined {
    const call = pending.get(id);
    pending.delete(id);
    return call;
  }
  function call(group: string, method: string, args: readonly unknown[]): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (closed) { reject(disconnected()); return; }
      const id = nextId++;
      pending.set(id, { resolve, reject });
      port.send({ kind: 'call', id, group, method, args } satisfies Message);
    });
  }
  return {
    api: named(group => named(method => (...args: unknown[]) => call(group, method, args))) as A,
    on(name, listener) {
      const all = listeners.get(name) ?? new Set();
      listeners.set(name, all.add(listener));
      return () => { all.delete(listener); };
    },
  };
}

/** An object with every property name, except `then`: it must not look like a promise when it is awaited. */
function named(make: (name: string) => unknown): object {
  return new Proxy({}, { get: (_, name) => (typeof name === 'string' && name !== 'then' ? make(name) : undefined) });
}

function disconnected(): EngineError { return new EngineError('disconnected', 'The connection to the engine was lost.'); }
