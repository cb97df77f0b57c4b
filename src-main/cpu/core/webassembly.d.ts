/** The part of the WebAssembly JavaScript interface that we use; TypeScript declares it only together with the DOM. */
declare namespace WebAssembly {
  class Module {
    private readonly opaque: never;
    constructor(bytes: Uint8Array);
  }
  class Instance {
    constructor(module: Module, imports: Record<string, Record<string, unknown>>);
    readonly exports: Record<string, unknown>;
  }
  class Table {
    constructor(limits: { initial: number; element: 'anyfunc' });
    set(index: number, value: unknown): void;
  }
  class Memory {
    constructor(limits: { initial: number; maximum: number; shared: boolean });
    readonly buffer: SharedArrayBuffer;
  }
}
