/** What the owner of a `TerminalPane` can do with it. */
export interface TerminalHandle {
  /** Shows bytes; `shown` is called when they are on screen. */
  readonly write: (bytes: Uint8Array, shown: () => void) => void;
  /** A line of our own among the guest's. */
  note(text: string): void;
  readonly reset: () => void;
  clear(): void;
  focus(): void;
  find(text: string, back: boolean): boolean;
  endFind(): void;
  /** The selection, or all there is. */
  copy(): Promise<void>;
  paste(): Promise<void>;
}
