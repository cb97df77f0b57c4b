/**
 * What runs inside a page before anything of its own: `exposing` in the page's world, `preloading` in an isolated one,
 * where the app's preload gets its `electron`. Both are sent as source and use nothing from outside but arguments.
 */

/** From the main process to a page. */
export type ToPage =
  | { readonly kind: 'ipc'; readonly channel: string; readonly args: readonly unknown[]; readonly ports: readonly number[] }
  | { readonly kind: 'port'; readonly port: number; readonly data: unknown }
  | { readonly kind: 'closed'; readonly port: number };
/** And back. */
export type FromPage =
  | { readonly kind: 'ipc'; readonly channel: string; readonly args: readonly unknown[] }
  | { readonly kind: 'port'; readonly port: number; readonly data: unknown }
  | { readonly kind: 'closed'; readonly port: number };

/** Names that both worlds and the main process know. */
export const BINDING = 'standinSend', RECEIVE = 'standinReceive', WORLD = 'Electron Isolated Context';

/** A call over the bridge is synchronous, as an event's dispatch is; only JSON passes. */
export function exposing(): void {
  addEventListener('standin-expose', event => {
    const { key, functions, values } = JSON.parse((event as CustomEvent<string>).detail) as { key: string; functions: string[]; values: object };
    const call = (name: string) => (...args: unknown[]): unknown => {
      let answer = '{}';
      addEventListener('standin-answer', reply => { answer = (reply as CustomEvent<string>).detail; }, { once: true });
      dispatchEvent(new CustomEvent('standin-call', { detail: JSON.stringify({ key, name, args }) }));
      const { value, error } = JSON.parse(answer) as { value?: unknown; error?: string };
      if (error !== undefined) throw new Error(error);
      return value;
    };
    Object.defineProperty(window, key, { value: Object.freeze({ ...values, ...Object.fromEntries(functions.map(name => [name, call(name)])) }) });
  });
}

export interface PreloadingTools {
  readonly send: (message: FromPage) => void;
  readonly receiver: (receive: (message: ToPage) => void) => void;
  readonly run: (require: (module: string) => unknown, process: object) => void;
  readonly platform: string;
}

export function preloading({ send, receiver, run, platform }: PreloadingTools): void {
  type Exposed = Record<string, unknown>;
  const listeners = new Map<string, ((event: object, ...args: unknown[]) => void)[]>();
  const ports = new Map<number, MessagePort>();
  const bridged = new Map<string, Exposed>();

  const onlyKnown = (name: string, target: object) => new Proxy(target, { get(object, property) {
    if (!(property in object)) throw new Error(`The Electron stand-in does not implement ${name}.${String(property)}.`);
    return Reflect.get(object, property) as unknown;
  } });
  const openPort = (id: number): MessagePort => {
    const { port1, port2 } = new MessageChannel();
    ports.set(id, port1);
    port1.onmessage = event => send({ kind: 'port', port: id, data: event.data as unknown });
    port1.addEventListener('close', () => { if (ports.delete(id)) send({ kind: 'closed', port: id }); });
    return port2;
  };
  receiver(message => {
    if (message.kind === 'port') ports.get(message.port)?.postMessage(message.data);
    else if (message.kind === 'closed') { const port = ports.get(message.port); ports.delete(message.port); port?.close(); }
    else {
      const event = { ports: message.ports.map(openPort) };
      for (const listener of listeners.get(message.channel) ?? []) listener(event, ...message.args);
    }
  });

  const ipcRenderer = onlyKnown('ipcRenderer', {
    on: (channel: string, listener: (event: object, ...args: unknown[]) => void) => { listeners.set(channel, [...listeners.get(channel) ?? [], listener]); },
    send: (channel: string, ...args: unknown[]) => send({ kind: 'ipc', channel, args }),
  });
  const contextBridge = onlyKnown('contextBridge', {
    exposeInMainWorld(key: string, api: Exposed) {
      bridged.set(key, api);
      const isFunction = ([, value]: [string, unknown]) => typeof value === 'function';
      const functions = Object.entries(api).filter(isFunction).map(([name]) => name);
      const values = Object.fromEntries(Object.entries(api).filter(entry => !isFunction(entry)));
      dispatchEvent(new CustomEvent('standin-expose', { detail: JSON.stringify({ key, functions, values }) }));
    },
  });
  addEventListener('standin-call', event => {
    const { key, name, args } = JSON.parse((event as CustomEvent<string>).detail) as { key: string; name: string; args: unknown[] };
    let answer: { value?: unknown; error?: string };
    try { answer = { value: (bridged.get(key)?.[name] as (...all: unknown[]) => unknown)(...args) }; } catch (error) { answer = { error: String(error) }; }
    dispatchEvent(new CustomEvent('standin-answer', { detail: JSON.stringify(answer) }));
  });
  run(module => {
    if (module !== 'electron') throw new Error(`a sandboxed preload cannot require ${module}`);
    return onlyKnown('electron', { ipcRenderer, contextBridge });
  }, { platform });
}
