/** Console protocols (UEFI 2.10, chapter 12): Simple Text Input, also Ex, and Simple Text Output, on one handle for terminal, keyboard and screen. */
import type { EfiFunction } from '../functions.ts';
import { GUID } from '../guid.ts';
import { INVALID_PARAMETER, NOT_READY, SUCCESS, UNSUPPORTED } from '../status.ts';
import type { Uefi } from '../uefi.ts';

/** SIMPLE_TEXT_OUTPUT_MODE, by its offset: MaxMode, Mode, Attribute, CursorColumn, CursorRow, CursorVisible. */
const MODE_BYTES = 24;
const OUT = ['OutReset', 'OutputString', 'TestString', 'QueryMode', 'SetMode', 'SetAttribute', 'ClearScreen', 'SetCursorPosition', 'EnableCursor'];

/** Where the interfaces are; 0 before they are made. */
export interface ConsoleInterfaces { readonly handle: bigint; readonly input: bigint; readonly output: bigint; readonly mode: bigint }

export function installConsole(uefi: Uefi, handle: bigint): ConsoleInterfaces {
  const { events } = uefi, mode = uefi.place(new Uint8Array(MODE_BYTES)), output = uefi.interface([...OUT, mode]);
  const input = uefi.interface(['InReset', 'ReadKeyStroke', events.createKeyEvent()]), inputEx = uefi.interface(['InResetEx', 'ReadKeyStrokeEx', events.createKeyEvent(), 'SetState', 'RegisterKeyNotify', 'UnregisterKeyNotify']);
  for (const [guid, at] of [[GUID.simpleTextIn, input], [GUID.simpleTextInEx, inputEx], [GUID.simpleTextOut, output]] as const) uefi.handles.install(handle, guid, at);
  return { handle, input, output, mode };
}

/** What the guest may read of the console's state. */
function show(uefi: Uefi): bigint {
  const { mode, column, row, attribute, cursorVisible } = uefi.text.now, out = new DataView(new ArrayBuffer(MODE_BYTES));
  [uefi.text.modes.length, mode, attribute, column, row, Number(cursorVisible)].forEach((value, n) => out.setInt32(4 * n, value, true));
  uefi.memory.write(uefi.console.mode, new Uint8Array(out.buffer));
  return SUCCESS;
}

export const showConsole = show;

const readKey = (uefi: Uefi) => uefi.takeKey();

export const TEXT_FUNCTIONS: Readonly<Record<string, EfiFunction>> = {
  InReset: uefi => { uefi.dropKeys(); return SUCCESS; },
  InResetEx: uefi => { uefi.dropKeys(); return SUCCESS; },
  ReadKeyStroke: (uefi, call) => {
    const to = call.pointer(1), key = readKey(uefi);
    if (key === undefined) return uefi.notYet(NOT_READY);
    call.memory.put16(to, key.scan);
    call.memory.put16(to + 2n, key.char);
    return SUCCESS;
  },
  ReadKeyStrokeEx: (uefi, call) => {
    const to = call.pointer(1), key = readKey(uefi);
    if (key === undefined) return uefi.notYet(NOT_READY);
    call.memory.put16(to, key.scan);
    call.memory.put16(to + 2n, key.char);
    call.memory.put32(to + 4n, key.shift);
    call.memory.put8(to + 8n, 0);
    return SUCCESS;
  },
  SetState: (_, call) => (call.raw(1) === 0n ? INVALID_PARAMETER : SUCCESS),
  // A key that is waited for in this way is read in the other.
  RegisterKeyNotify: (_, call) => (call.raw(1) === 0n || call.raw(2) === 0n || call.raw(3) === 0n ? INVALID_PARAMETER : UNSUPPORTED),
  UnregisterKeyNotify: () => INVALID_PARAMETER,

  OutReset: uefi => {
    uefi.text.reset();
    uefi.text.clear();
    return show(uefi);
  },
  OutputString: (uefi, call) => {
    const text = call.memory.text(call.pointer(1));
    if (!uefi.io.consoleReady()) return { untilNs: uefi.nowNs + 10_000_000 };
    uefi.text.print(text);
    return show(uefi);
  },
  TestString: (_, call) => { call.memory.text(call.pointer(1)); return SUCCESS; },
  QueryMode: (uefi, call) => {
    const mode = uefi.text.modes[call.number(1)];
    if (mode === undefined) return UNSUPPORTED;
    call.memory.put64(call.pointer(2), BigInt(mode.columns));
    call.memory.put64(call.pointer(3), BigInt(mode.rows));
    return SUCCESS;
  },
  SetMode: (uefi, call) => (uefi.text.setMode(call.number(1)) ? show(uefi) : UNSUPPORTED),
  SetAttribute: (uefi, call) => {
    if (call.number(1) > 0x7f) return UNSUPPORTED;
    uefi.text.setAttribute(call.number(1));
    return show(uefi);
  },
  ClearScreen: uefi => { uefi.text.clear(); return show(uefi); },
  SetCursorPosition: (uefi, call) => (uefi.text.moveTo(call.number(1), call.number(2)) ? show(uefi) : UNSUPPORTED),
  EnableCursor: (uefi, call) => { uefi.text.enableCursor(call.bool(1)); return show(uefi); },
};

