/** Graphics Output (UEFI 2.10, 12.9): one mode, that of the screen. An OS may draw on it itself where it lies in the guest's memory. */
import type { EfiFunction } from '../functions.ts';
import { GUID } from '../guid.ts';
import { INVALID_PARAMETER, SUCCESS, UNSUPPORTED } from '../status.ts';
import type { Uefi } from '../uefi.ts';

/** Pixels as a display has them: 32 bits, little-endian 0xXXRRGGBB, in rows. */
export interface FirmwareScreen {
  readonly width: number;
  readonly height: number;
  readonly strideBytes: number;
  readonly pixels: Uint8Array;
  /** Where in the guest's memory it is; nowhere when absent. */
  readonly base?: number;
  /** Part of it was drawn. */
  drawn(x: number, y: number, width: number, height: number): void;
}

const BLUE_GREEN_RED = 1, BLT_ONLY = 3, INFO_BYTES = 36, MODE_BYTES = 40, PIXEL = 4;
const FILL = 0, TO_BUFFER = 1, TO_VIDEO = 2, WITHIN_VIDEO = 3;

export function installGraphics(uefi: Uefi, handle: bigint, screen: FirmwareScreen): void {
  const { base } = screen, info = uefi.place(infoOf(screen)), mode = new DataView(new ArrayBuffer(MODE_BYTES));
  mode.setUint32(0, 1, true);
  mode.setBigUint64(8, info, true);
  mode.setBigUint64(16, BigInt(INFO_BYTES), true);
  if (base !== undefined) {
    mode.setBigUint64(24, BigInt(base), true);
    mode.setBigUint64(32, BigInt(screen.strideBytes * screen.height), true);
  }
  uefi.handles.install(handle, GUID.graphicsOutput, uefi.interface(['GraphicsQueryMode', 'GraphicsSetMode', 'GraphicsBlt', uefi.place(new Uint8Array(mode.buffer))]));
}

function infoOf({ width, height, strideBytes, base }: FirmwareScreen): Uint8Array {
  const info = new DataView(new ArrayBuffer(INFO_BYTES));
  [0, width, height, base === undefined ? BLT_ONLY : BLUE_GREEN_RED].forEach((value, n) => info.setUint32(4 * n, value, true));
  info.setUint32(32, strideBytes / PIXEL, true);
  return new Uint8Array(info.buffer);
}

export const GRAPHICS_FUNCTIONS: Readonly<Record<string, EfiFunction>> = {
  GraphicsQueryMode: (uefi, call) => {
    const { screen } = uefi.io, sizeAt = call.pointer(2), to = call.pointer(3);
    if (screen === undefined || call.u32(1) !== 0) return INVALID_PARAMETER;
    const at = uefi.give(infoOf(screen));
    call.memory.put64(sizeAt, BigInt(INFO_BYTES));
    call.memory.put64(to, at);
    return SUCCESS;
  },
  GraphicsSetMode: (uefi, call) => {
    const { screen } = uefi.io;
    if (screen === undefined || call.u32(1) !== 0) return UNSUPPORTED;
    screen.pixels.fill(0);
    screen.drawn(0, 0, screen.width, screen.height);
    return SUCCESS;
  },
  GraphicsBlt: (uefi, call) => {
    const { screen } = uefi.io, buffer = call.raw(1), operation = call.u32(2), [fromX, fromY, toX, toY, width, height, delta] = [3, 4, 5, 6, 7, 8, 9].map(n => call.number(n)) as [number, number, number, number, number, number, number];
    if (screen === undefined || operation > WITHIN_VIDEO || width === 0 || height === 0) return INVALID_PARAMETER;
    const stride = delta === 0 ? width * PIXEL : delta, inVideo = (x: number, y: number) => x + width <= screen.width && y + height <= screen.height, at = (x: number, y: number) => y * screen.strideBytes + x * PIXEL, row = (y: number, x: number) => screen.pixels.subarray(at(x, y), at(x, y) + width * PIXEL);
    const reads = operation === TO_BUFFER || operation === WITHIN_VIDEO, writes = operation !== TO_BUFFER;
    if (reads && !inVideo(fromX, fromY) || writes && !inVideo(toX, toY) || operation !== WITHIN_VIDEO && buffer === 0n) return INVALID_PARAMETER;
    const place = (x: number, y: number) => buffer + BigInt(y * stride + x * PIXEL);
    if (operation === FILL) {
      const pixel = call.memory.u32(buffer), line = new Uint8Array(new Uint32Array(width).fill(pixel).buffer);
      for (let y = 0; y < height; y++) row(toY + y, toX).set(line);
    } else if (operation === TO_BUFFER) for (let y = 0; y < height; y++) call.memory.write(place(toX, toY + y), row(fromY + y, fromX).slice());
    else if (operation === TO_VIDEO) for (let y = 0; y < height; y++) row(toY + y, toX).set(call.memory.bytes(place(fromX, fromY + y), width * PIXEL));
    else for (let n = 0; n < height; n++) { const y = toY > fromY ? height - 1 - n : n; row(toY + y, toX).set(row(fromY + y, fromX).slice()); }
    if (writes) screen.drawn(toX, toY, width, height);
    return SUCCESS;
  },
};
