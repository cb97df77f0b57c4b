import type { KeyStroke } from './keyboard-layouts.ts';

/** How a display is shown: the guest takes its size, it is scaled, or a pixel is a pixel. */
export type ViewMode = 'resize' | 'fit' | 'actual';

/** What can be done with a `VncScreen`. */
export interface VncHandle {
  focus(): void;
  release(): void;
  /** Presses keys one after the other, and lets go of them in reverse. */
  press(codes: readonly string[]): void;
  type(strokes: readonly KeyStroke[]): void;
  /** Tells the guest what is on the clipboard. */
  offer(text: string): void;
  picture(): Promise<Blob>;
}
