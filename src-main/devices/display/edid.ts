/** What a panel says of itself: the base block of VESA E-EDID, release A2 (EDID 1.4), with one timing by VESA CVT 1.2, reduced blanking version 1. */
import { DISPLAY_LIMITS, type HeadMode } from '../../../shared/model/display.ts';

export const EDID_BYTES = 128;

const MANUFACTURER = 'QDK', PRODUCT = 1, YEAR_OF_MODEL = 2026, MODEL_YEAR_FLAG = 0xff;
/** Digital, 8 bits for each colour. */
const VIDEO_INPUT = 0xa0;
const GAMMA_2_2 = 120;
/** sRGB is the default, the first detailed timing is the panel's own, any timing within the limits is shown. */
const FEATURES = 0x07;
const SRGB_CHROMATICITY = [0xee, 0x91, 0xa3, 0x54, 0x4c, 0x99, 0x26, 0x0f, 0x50, 0x54] as const;
/** 640 × 480, 800 × 600 and 1024 × 768 at 60 Hz: so that a console whose framebuffer is smaller than the panel one way has something that fits. */
const ESTABLISHED_TIMINGS = [0x21, 0x08, 0] as const;
const NO_STANDARD_TIMING = 0x01;
/** Separate digital sync: horizontal positive, vertical negative, as reduced blanking has it. */
const SYNC = 0x1a;
const NAME_TAG = 0xfc, RANGE_TAG = 0xfd, DUMMY_TAG = 0x10;
const LIMITS_ONLY = 1;
const MOST_MM = 0xfff, MOST_CM = 255, MM_IN_CM = 10;

// CVT 1.2, 3.4 and 5.4: in pixels, lines, microseconds and MHz.
const H_BLANK = 160, H_FRONT = 48, H_SYNC = 32, V_FRONT = 3, V_BACK_LEAST = 6, V_BLANK_LEAST_US = 460, CLOCK_STEP = 0.25;
const RATE_HZ = 60;
/** A detailed timing has its clock in 16 bits of 10 kHz; what is larger is shown at a lower rate. */
const MOST_MHZ = 655.25;

/** In pixels, lines and MHz. */
export interface Timing {
  readonly clockMhz: number;
  readonly horizontal: TimingAxis;
  readonly vertical: TimingAxis;
  readonly rateHz: number;
}
export interface TimingAxis { readonly active: number; readonly front: number; readonly sync: number; readonly total: number }

/** At 60 Hz, or, where EDID has no way to say that clock, at the highest whole rate below. Widths stay as they are, although CVT has them in steps of 8. */
export function reducedBlanking(width: number, height: number): Timing {
  for (let rateHz = RATE_HZ; ; rateHz--) {
    const timing = timingAt(width, height, rateHz);
    if (timing.clockMhz <= MOST_MHZ) return timing;
  }
}

function timingAt(width: number, height: number, rateHz: number): Timing {
  const sync = vSyncOf(width, height), lineUs = (1e6 / rateHz - V_BLANK_LEAST_US) / height;
  const blank = Math.max(Math.floor(V_BLANK_LEAST_US / lineUs) + 1, V_FRONT + sync + V_BACK_LEAST), total = height + blank;
  const clockMhz = Math.floor(rateHz * total * (width + H_BLANK) / 1e6 / CLOCK_STEP) * CLOCK_STEP;
  return { clockMhz, rateHz, horizontal: { active: width, front: H_FRONT, sync: H_SYNC, total: width + H_BLANK }, vertical: { active: height, front: V_FRONT, sync, total } };
}

/** It tells the aspect ratio (CVT 1.2, table 3-2). */
function vSyncOf(width: number, height: number): number {
  const ratios = [[4, 3, 4], [16, 9, 5], [16, 10, 6], [5, 4, 7], [15, 9, 7]] as const;
  return ratios.find(([across, down]) => width * down === height * across)?.[2] ?? 10;
}

/** The block for a head of this number. Sizes beyond what a field can say are brought into it. */
export function edid(mode: HeadMode, head: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(EDID_BYTES), words = new DataView(bytes.buffer);
  const { width, height } = mode, timing = reducedBlanking(within(width, DISPLAY_LIMITS.width.max), within(height, DISPLAY_LIMITS.height.max));
  bytes.set([0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0]);
  words.setUint16(8, Array.from(MANUFACTURER).reduce((code, letter) => code << 5 | letter.charCodeAt(0) - 64, 0));
  words.setUint16(10, PRODUCT, true);
  words.setUint32(12, head + 1, true);
  bytes.set([MODEL_YEAR_FLAG, YEAR_OF_MODEL - 1990, 1, 4, VIDEO_INPUT, within(mode.widthMm / MM_IN_CM, MOST_CM), within(mode.heightMm / MM_IN_CM, MOST_CM), GAMMA_2_2, FEATURES, ...SRGB_CHROMATICITY, ...ESTABLISHED_TIMINGS], 16);
  bytes.fill(NO_STANDARD_TIMING, 38, 54);
  bytes.set(detailedTiming(timing, within(mode.widthMm, MOST_MM), within(mode.heightMm, MOST_MM)), 54);
  bytes.set(descriptor(NAME_TAG, new TextEncoder().encode('Quarterdeck\n ')), 72);
  bytes.set(descriptor(RANGE_TAG, rangeLimits(timing)), 90);
  bytes.set(descriptor(DUMMY_TAG, []), 108);
  bytes[127] = -bytes.reduce((sum, byte) => sum + byte, 0) & 0xff;
  return bytes;
}

const within = (value: number, most: number) => Math.min(most, Math.max(1, Math.round(value) || 1));

/** A2, 3.10.2. */
function detailedTiming({ clockMhz, horizontal: h, vertical: v }: Timing, widthMm: number, heightMm: number): number[] {
  const clock = Math.round(clockMhz * 100), hBlank = h.total - h.active, vBlank = v.total - v.active;
  const highs = (a: number, b: number) => a >> 8 << 4 | b >> 8;
  return [
    clock & 0xff, clock >> 8, h.active & 0xff, hBlank & 0xff, highs(h.active, hBlank), v.active & 0xff, vBlank & 0xff, highs(v.active, vBlank),
    h.front, h.sync, v.front << 4 | v.sync, 0, widthMm & 0xff, heightMm & 0xff, highs(widthMm, heightMm), 0, 0, SYNC,
  ];
}

/** A2, 3.10.3. */
function descriptor(tag: number, text: ArrayLike<number>): number[] { return [0, 0, 0, tag, 0, ...Array.from({ length: 13 }, (_, n) => text[n] ?? 0)]; }

/** The panel's own timing and all that are slower; rates in Hz and kHz, the clock in units of 10 MHz. */
function rangeLimits({ clockMhz, horizontal, vertical }: Timing): number[] {
  const lineKhz = clockMhz * 1000 / horizontal.total, rateHz = lineKhz * 1000 / vertical.total;
  return [Math.min(50, Math.floor(rateHz)), 75, Math.min(30, Math.floor(lineKhz)), Math.min(255, Math.max(80, Math.ceil(lineKhz))), Math.max(10, Math.ceil(clockMhz / 10)), LIMITS_ONLY, 0x0a, ...Array<number>(6).fill(0x20)];
}
