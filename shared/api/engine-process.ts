/** What the desktop app and the engine's process say to each other; clients' calls go over ports of their own. */
export type ToEngineProcess =
  /** Comes with one port: a client. */
  | { readonly kind: 'connect' }
  /** Power off, save and exit. */
  | { readonly kind: 'close' };

export type FromEngineProcess =
  | { readonly kind: 'ready' }
  /** The engine cannot run, and starting it again would not help; one sentence. */
  | { readonly kind: 'refused'; readonly message: string };
