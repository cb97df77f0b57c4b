/**
 * What a VM's thread and the display's thread say to each other, through a port of their own, and the memory that they share.
 * Nothing queues up: while a `damage` was not `seen`, what is drawn is only added to the next one.
 */
import type { DisplayConfiguration } from '../../shared/model/display.ts';

/** In pixels, within a head. */
export interface Rect { readonly x: number; readonly y: number; readonly width: number; readonly height: number }

/** What a head shows. Pixels are 32 bits each, little-endian 0xXXRRGGBB, and may change while they are read; a `damage` follows then. */
export interface Surface {
  readonly pixels: SharedArrayBuffer;
  readonly offset: number;
  readonly strideBytes: number;
  readonly width: number;
  readonly height: number;
}

/** 32 bits a pixel, little-endian 0xAARRGGBB, premultiplied, rows without gaps. */
export interface CursorShape { readonly width: number; readonly height: number; readonly hotX: number; readonly hotY: number; readonly pixels: Uint8Array }

export type FromScreen =
  /** What a head shows from now on, all of it new; absent when it is off. */
  | { readonly kind: 'surface'; readonly head: number; readonly surface?: Surface }
  /** Parts of heads that were drawn anew. The next one comes after `seen`. */
  | { readonly kind: 'damage'; readonly parts: readonly { readonly head: number; readonly rects: readonly Rect[] }[] }
  /** Absent when the guest shows none, or draws its own. */
  | { readonly kind: 'cursor'; readonly head: number; readonly shape?: CursorShape }
  /** Where the guest wants the cursor. */
  | { readonly kind: 'cursor-at'; readonly head: number; readonly x: number; readonly y: number }
  | { readonly kind: 'leds'; readonly leds: Leds }
  /** What the guest was last told of its display and input, also when the port is opened. */
  | { readonly kind: 'configured'; readonly configuration: DisplayConfiguration };

export interface Leds { readonly numLock: boolean; readonly capsLock: boolean; readonly scrollLock: boolean }

export type ToScreen =
  /** Whether anybody looks: without, no `damage` is sent, and once there is, all heads are damaged. */
  | { readonly kind: 'watched'; readonly watched: boolean }
  | { readonly kind: 'seen' }
  /** By its Linux code (`linux/input-event-codes.h`), which names the key's place, not what is printed on it. */
  | { readonly kind: 'key'; readonly code: number; readonly down: boolean }
  /** Where in the head, in its pixels; `buttons` are those that are down (1 left, 2 middle, 4 right, 8 back, 16 forward). Wheels in steps, right and down positive. */
  | { readonly kind: 'pointer'; readonly head: number; readonly x: number; readonly y: number; readonly buttons: number; readonly wheelX?: number; readonly wheelY?: number }
  /** All fingers that are down now; those of before that are absent were lifted. `id` is a finger's for as long as it is down. */
  | { readonly kind: 'touch'; readonly head: number; readonly fingers: readonly { readonly id: number; readonly x: number; readonly y: number }[] }
  /** Display and input are to be this; equal to what they are, nothing happens. */
  | { readonly kind: 'configure'; readonly configuration: DisplayConfiguration };
