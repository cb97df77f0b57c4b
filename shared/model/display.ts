/** A VM's virtual display and input, and the sessions of those who look at it (US 2017/0351537 A1). */
import * as v from 'valibot';
import { fixed, say } from '../base/phrase.ts';
import { integerWithin } from './number-within.ts';

/** Sizes in pixels; what is wider or higher cannot be written in an EDID's detailed timing. */
export const DISPLAY_LIMITS = { heads: { min: 1, max: 4 }, width: { min: 320, max: 4095 }, height: { min: 200, max: 4095 }, sessions: 16 } as const;

export const DisplaySize = v.object({ width: integerWithin(say`The width in pixels`, DISPLAY_LIMITS.width), height: integerWithin(say`The height in pixels`, DISPLAY_LIMITS.height) });
export type DisplaySize = v.InferOutput<typeof DisplaySize>;

/** What the guest sees: a virtio-gpu on PCI, or only a framebuffer in its memory that firmware and early kernels draw to. */
export const DISPLAY_ADAPTERS = ['virtio-gpu', 'framebuffer'] as const;
/** What happens when a second client opens a session. */
export const SESSION_RULES = ['share', 'takeOver', 'refuse'] as const;
/** What happens when the last session ends. */
export const UNWATCHED_RULES = ['run', 'suspend'] as const;

/** Any VNC client may open a session there, with VNC authentication when there is a password, with VeNCrypt when there is TLS. */
export const VncListener = v.object({
  /** A TCP port of the loopback interface, 0 for a free one, or the path of a Unix socket. */
  at: v.variant('kind', [
    v.object({ kind: v.literal('tcp'), port: integerWithin(say`The port`, { min: 0, max: 65535 }) }),
    v.object({ kind: v.literal('unix'), path: v.pipe(v.string(), v.trim(), v.minLength(1, fixed(say`Enter the path of the socket.`))) }),
  ]),
  /** RFC 6143, 7.2.2: only its first 8 bytes count. */
  password: v.optional(v.pipe(v.string(), v.minLength(1, fixed(say`Enter a password.`)), v.maxLength(8, fixed(say`A VNC password has at most 8 characters.`)))),
  tls: v.optional(v.boolean()),
});
export type VncListener = v.InferOutput<typeof VncListener>;

export const DisplaySpec = v.object({
  adapter: v.picklist(DISPLAY_ADAPTERS),
  heads: integerWithin(say`The number of displays`, DISPLAY_LIMITS.heads),
  /** Of all heads, whatever clients have; as each session's client has it when absent. */
  fixedSize: v.optional(DisplaySize),
  unwatched: v.picklist(UNWATCHED_RULES),
  sessions: v.picklist(SESSION_RULES),
  vnc: v.optional(VncListener),
});
export type DisplaySpec = v.InferOutput<typeof DisplaySpec>;

export const USUAL_DISPLAY: DisplaySpec = { adapter: 'virtio-gpu', heads: 1, unwatched: 'run', sessions: 'share' };

/** How the client points: with a mouse, or with fingers. */
export const POINTERS = ['mouse', 'touch'] as const;
export type Pointer = (typeof POINTERS)[number];

/** What a client says of itself when it opens a session, and when that changes. */
export const ClientProperties = v.object({
  /** What it shows each head in, in its own pixels, from the left. */
  monitors: v.pipe(v.array(v.object({ width: v.pipe(v.number(), v.finite()), height: v.pipe(v.number(), v.finite()) })), v.minLength(1), v.maxLength(DISPLAY_LIMITS.heads.max)),
  /** How many pixels of the guest are to be in each of those, along a side. */
  pixelRatio: v.pipe(v.number(), v.finite(), v.minValue(0.1), v.maxValue(16)),
  /** Bits of a pixel's colour. */
  colourDepth: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(64)),
  pointer: v.picklist(POINTERS),
  /** As far as the client knows, such as `de` or `fr`. Guests get the places of keys, whatever is printed on them. */
  keyboardLayout: v.optional(v.pipe(v.string(), v.maxLength(32))),
});
export type ClientProperties = v.InferOutput<typeof ClientProperties>;

/** A window of a client, which shows one head: its size in the client's own pixels. */
export const HeadWindow = v.object({ head: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(DISPLAY_LIMITS.heads.max - 1)), ...ClientProperties.entries.monitors.item.entries, pixelRatio: ClientProperties.entries.pixelRatio });
export type HeadWindow = v.InferOutput<typeof HeadWindow>;

/** The client with a window that is new, or has another size. */
export const withWindow = (properties: ClientProperties, { head, width, height, pixelRatio }: HeadWindow): ClientProperties => ({
  ...properties, pixelRatio, monitors: Array.from({ length: Math.max(properties.monitors.length, head + 1) }, (_, n) => (n === head ? { width, height } : properties.monitors[n] ?? USUAL_SIZE)),
});
/** Without the window that shows a head, if none shows one behind it. */
export const withoutWindow = (properties: ClientProperties, head: number): ClientProperties => (head > 0 && properties.monitors.length === head + 1 ? { ...properties, monitors: properties.monitors.slice(0, head) } : properties);

/** What sessions make of a VM's display and input; an equal one changes nothing. */
export interface DisplayConfiguration { readonly heads: readonly HeadMode[]; readonly pointer: Pointer }
/** Sizes in pixels, and what the EDID says of the panel in millimetres. */
export interface HeadMode extends DisplaySize { readonly widthMm: number; readonly heightMm: number }

/** One that is open. */
export interface DisplaySession {
  readonly id: string;
  /** Where it comes from, such as `Console` or `127.0.0.1:50112`. */
  readonly client: string;
  readonly kind: 'console' | 'vnc';
  readonly properties: ClientProperties;
  readonly sinceMs: number;
}

/** Since the engine started: sessions, those that were refused, how often they changed display and input or found them right, and what they did to the VM. */
export interface DisplayCounters { readonly opened: number; readonly refused: number; readonly configured: number; readonly unchanged: number; readonly suspended: number; readonly resumed: number }
export const NO_DISPLAY_COUNTERS: DisplayCounters = { opened: 0, refused: 0, configured: 0, unchanged: 0, suspended: 0, resumed: 0 };

/** A VM's display as the console shows it. */
export interface VmDisplay { readonly sessions: readonly DisplaySession[]; readonly counters: DisplayCounters; readonly configuration?: DisplayConfiguration; readonly isRecording?: boolean; /** Where VNC clients find it. */ readonly vncAt?: VncListener['at'] }

export const USUAL_SIZE: DisplaySize = { width: 1280, height: 800 };
/** Where a pixel of a client without a higher density is as large as everywhere (CSS 2.2, 4.3.2). */
export const MM_PER_PIXEL = 25.4 / 96;

const within = (value: number, { min, max }: { readonly min: number; readonly max: number }) => Math.min(max, Math.max(min, Math.round(value)));

/** The display and input for a client, or before the first one. Absurd sizes are brought within the limits; heads that the client does not show are off. */
export function configurationFor({ adapter, heads: most, fixedSize }: Pick<DisplaySpec, 'adapter' | 'heads' | 'fixedSize'>, client?: ClientProperties): DisplayConfiguration {
  const heads = adapter === 'framebuffer' ? 1 : most;
  const { monitors = [USUAL_SIZE], pixelRatio = 1, pointer = 'mouse' } = client ?? {};
  const shown = fixedSize === undefined ? monitors.slice(0, heads).map(({ width, height }) => ({ width: width * pixelRatio, height: height * pixelRatio })) : Array.from({ length: heads }, () => fixedSize);
  const density = fixedSize === undefined ? MM_PER_PIXEL / pixelRatio : MM_PER_PIXEL;
  return {
    pointer,
    heads: shown.map(wanted => {
      const width = within(wanted.width, DISPLAY_LIMITS.width), height = within(wanted.height, DISPLAY_LIMITS.height);
      return { width, height, widthMm: Math.round(width * density), heightMm: Math.round(height * density) };
    }),
  };
}

export const isSameConfiguration = (a: DisplayConfiguration, b: DisplayConfiguration): boolean => JSON.stringify(a) === JSON.stringify(b);
