/** Where the main window was when it was last closed. */
import { readFileSync, writeFileSync } from 'node:fs';
import { screen, type BrowserWindow, type Rectangle } from 'electron';
import * as v from 'valibot';

const WindowState = v.object({
  bounds: v.object({ x: v.number(), y: v.number(), width: v.number(), height: v.number() }),
  maximized: v.boolean(),
});
interface WindowState { readonly bounds: Partial<Rectangle>; readonly maximized: boolean }

const FIRST: WindowState = { bounds: { width: 1440, height: 900 }, maximized: false };

/** The default when there is none, when it cannot be read, or when its screen is gone. */
export function loadWindowState(path: string): WindowState {
  let text: string;
  try { text = readFileSync(path, 'utf8'); } catch { return FIRST; }
  const result = v.safeParse(v.pipe(v.string(), v.parseJson(), WindowState), text);
  return result.success && isOnScreen(result.output.bounds) ? result.output : FIRST;
}

export function saveWindowState(path: string, window: BrowserWindow): void {
  writeFileSync(path, JSON.stringify({ bounds: window.getNormalBounds(), maximized: window.isMaximized() } satisfies v.InferInput<typeof WindowState>));
}

function isOnScreen({ x, y, width, height }: Rectangle): boolean {
  return screen.getAllDisplays().some(({ workArea }) => x < workArea.x + workArea.width && x + width > workArea.x && y >= workArea.y && y < workArea.y + workArea.height && height > 0);
}
