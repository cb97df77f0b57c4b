/**
 * A console's text (UEFI 2.10, 12.4): a grid of characters with attributes and a cursor. What changes is told to whatever shows it: a
 * terminal at the serial port gets sequences (ECMA-48), a screen is drawn.
 */
export interface TextView {
  /** A character at a place, or a blank. */
  put(column: number, row: number, char: string, attribute: number): void;
  /** All rows move up by one, and the last one is blank. */
  scroll(attribute: number): void;
  clear(attribute: number): void;
  cursor(column: number, row: number, isVisible: boolean): void;
  /** So many characters from now on; a `clear` follows. */
  resize?(size: TextMode): void;
  /** All that was said is to be seen now. */
  flush?(): void;
}

export interface TextMode { readonly columns: number; readonly rows: number }
export interface TextScreenState { readonly mode: number; readonly column: number; readonly row: number; readonly attribute: number; readonly cursorVisible: boolean }
export const LIGHT_GRAY = 7;

export class TextScreen {
  readonly modes: readonly TextMode[];
  private readonly views: readonly TextView[];
  private state: TextScreenState = { mode: 0, column: 0, row: 0, attribute: LIGHT_GRAY, cursorVisible: true };

  constructor(modes: readonly TextMode[], views: readonly TextView[]) {
    this.modes = modes;
    this.views = views;
  }

  get now(): TextScreenState { return this.state; }
  get size(): TextMode { return this.modes[this.state.mode]!; }

  reset(): void {
    this.state = { mode: 0, column: 0, row: 0, attribute: LIGHT_GRAY, cursorVisible: true };
    for (const view of this.views) view.resize?.(this.size);
  }

  setMode(mode: number): boolean {
    if (mode < 0 || mode >= this.modes.length) return false;
    this.state = { ...this.state, mode };
    for (const view of this.views) view.resize?.(this.size);
    this.clear();
    return true;
  }

  setAttribute(attribute: number): void { this.state = { ...this.state, attribute: attribute & 0x7f }; }

  clear(): void {
    for (const view of this.views) view.clear(this.state.attribute);
    this.state = { ...this.state, column: 0, row: 0 };
    this.showCursor();
  }

  /** False when there is no such place. */
  moveTo(column: number, row: number): boolean {
    const { columns, rows } = this.size;
    if (column >= columns || row >= rows) return false;
    this.state = { ...this.state, column, row };
    this.showCursor();
    return true;
  }

  enableCursor(cursorVisible: boolean): void {
    this.state = { ...this.state, cursorVisible };
    this.showCursor();
  }

  print(text: string): void {
    const { columns, rows } = this.size;
    let { column, row } = this.state;
    const feed = () => {
      if (row < rows - 1) row++;
      else for (const view of this.views) view.scroll(this.state.attribute);
    };
    for (const char of text) {
      if (char === '\r') column = 0;
      else if (char === '\n') feed();
      else if (char === '\b') {
        if (column > 0) column--;
        else if (row > 0) { row--; column = columns - 1; }
      } else if (char >= ' ') {
        for (const view of this.views) view.put(column, row, char, this.state.attribute);
        if (++column >= columns) { column = 0; feed(); }
      }
    }
    this.state = { ...this.state, column, row };
    this.showCursor();
  }

  save(): TextScreenState { return this.state; }
  restore(state: TextScreenState): void {
    this.state = state;
    for (const view of this.views) view.resize?.(this.size);
  }

  private showCursor() {
    const { column, row, cursorVisible } = this.state;
    for (const view of this.views) {
      view.cursor(column, row, cursorVisible);
      view.flush?.();
    }
  }
}

/** EFI's colours, blue in the lowest bit, as terminals number theirs. */
const ANSI = [0, 4, 2, 6, 1, 5, 3, 7] as const;

/** The terminal at the serial port. It is told only where what it does by itself is not right. */
export class TerminalView implements TextView {
  private readonly write: (bytes: Uint8Array) => void;
  private out = '';
  /** What the terminal shows now: where its cursor is, and its colours; unknown at first. */
  private at: { column: number; row: number } | undefined;
  private attribute: number | undefined;
  private isVisible = true;
  private readonly size: () => TextMode;

  constructor(write: (bytes: Uint8Array) => void, size: () => TextMode) {
    this.write = write;
    this.size = size;
  }

  /** Nothing is known of it, as of one that was just plugged in. */
  forget(): void { this.at = undefined; this.attribute = undefined; this.isVisible = true; }

  put(column: number, row: number, char: string, attribute: number): void {
    this.go(column, row);
    this.color(attribute);
    // After the end of a row terminals differ in where they are.
    const isEnd = column + 1 >= this.size().columns;
    this.out += isEnd ? `${char}\r` : char;
    this.at = { column: isEnd ? 0 : column + 1, row };
  }

  scroll(attribute: number): void {
    const { rows } = this.size(), { at } = this;
    this.color(attribute);
    if (at === undefined || at.row !== rows - 1) this.go(0, rows - 1);
    this.out += '\n';
  }

  clear(attribute: number): void {
    this.color(attribute);
    this.out += '\x1b[2J\x1b[1;1H';
    this.at = { column: 0, row: 0 };
  }

  cursor(column: number, row: number, isVisible: boolean): void {
    this.go(column, row);
    if (isVisible !== this.isVisible) this.out += isVisible ? '\x1b[?25h' : '\x1b[?25l';
    this.isVisible = isVisible;
  }

  flush(): void {
    if (this.out !== '') this.write(new TextEncoder().encode(this.out));
    this.out = '';
  }

  private go(column: number, row: number) {
    const { at } = this;
    if (at?.column === column && at.row === row) return;
    if (at !== undefined && row === at.row && column === 0) this.out += '\r';
    else if (at !== undefined && row === at.row + 1 && column === 0) this.out += '\r\n';
    else if (at?.column === column && row === at.row + 1) this.out += '\n';
    else this.out += `\x1b[${row + 1};${column + 1}H`;
    this.at = { column, row };
  }

  private color(attribute: number) {
    if (attribute === this.attribute) return;
    const foreground = attribute & 0xf, background = attribute >> 4 & 7;
    this.out += attribute === LIGHT_GRAY ? '\x1b[0m' : `\x1b[0${foreground > 7 ? ';1' : ''};${30 + ANSI[foreground & 7]!};${40 + ANSI[background]!}m`;
    this.attribute = attribute;
  }
}
