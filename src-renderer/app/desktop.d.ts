/** What the desktop app's preload exposes; absent in a browser. */
interface QuarterdeckDesktop {
  readonly platform: string;
  /** Asks for a port to the engine; it comes as a `quarterdeck:engine-port` message, again after each engine start. */
  requestEnginePort(): void;
  /** The query says which of the VM's consoles. */
  openConsoleWindow(vmId: string, query: string): void;
}

interface Window { readonly quarterdeck?: QuarterdeckDesktop }
