/** What a function can do besides, each a stretch of its configuration space (PCI Express Base 5.0, 7.5.2 and on). */
import type { AccessSize } from '../../memory/region.ts';
import { fields } from './config-space.ts';

/** What a capability sees of the function that it belongs to. */
export interface CapabilityOwner {
  /** The capability's own bytes. */
  readonly window: DataView;
  /** Function-level reset. */
  resetFunction(): void;
  /** Something that decides what answers on the bus changed. */
  changed(): void;
  readBar(index: number, offset: number, size: AccessSize): number;
  writeBar(index: number, offset: number, size: AccessSize, value: number): void;
}

/** State is in the bytes; what follows from them is brought about in `follow`. */
export interface Capability {
  readonly id: number;
  /** Its version, when it is an extended one. */
  readonly extended?: number;
  /** All of it as after reset; id and link to the next are filled in. */
  readonly bytes: Uint8Array;
  readonly writable?: Uint8Array;
  readonly clears?: Uint8Array;
  attach?(owner: CapabilityOwner): void;
  /** The guest is about to read at `offset`. */
  read?(offset: number): void;
  /** The guest wrote at `offset`. */
  write?(offset: number): void;
  /** The bytes are as after reset, or restored. */
  follow?(): void;
}

export const CAP_POWER_MANAGEMENT = 0x01;
export const CAP_VENDOR = 0x09;
export const CAP_EXPRESS = 0x10;
export const CAP_MSIX = 0x11;

const NO_SOFT_RESET = 1 << 3;
const POWER_STATE = 3;

/** Power management (7.5.2): D0 and D3hot, in which a function answers to nothing but configuration. No PME. */
export class PowerManagement implements Capability {
  readonly id = CAP_POWER_MANAGEMENT;
  readonly bytes = fields(8, { 2: [2, 3], 4: [2, NO_SOFT_RESET] });
  readonly writable = fields(8, { 4: [2, POWER_STATE] });
  private owner!: CapabilityOwner;

  attach(owner: CapabilityOwner): void { this.owner = owner; }

  /** D1 and D2 do not exist, and are not entered. */
  write(): void {
    const state = this.owner.window.getUint8(4) & POWER_STATE;
    if (state === 1 || state === 2) this.owner.window.setUint8(4, NO_SOFT_RESET);
    this.owner.changed();
  }

  get isOn(): boolean { return (this.owner.window.getUint8(4) & POWER_STATE) === 0; }
}

export const EXPRESS_ENDPOINT = 0;
export const EXPRESS_ROOT_PORT = 4;
export const EXPRESS_INTEGRATED = 9;
const ROLE_BASED_ERRORS = 1 << 15;
const FUNCTION_LEVEL_RESET = 1 << 28;
const INITIATE_RESET = 0x8000;
/** One lane at 2.5 GT/s, of which nothing follows. */
export const LINK = 0x11;
export const EXPRESS_BYTES = 0x3c;

/** PCI Express (7.5.3), of an endpoint behind a port or in the root complex. */
export class ExpressEndpoint implements Capability {
  readonly id = CAP_EXPRESS;
  readonly bytes = fields(EXPRESS_BYTES, {
    2: [2, 2 | EXPRESS_INTEGRATED << 4], 4: [4, ROLE_BASED_ERRORS | FUNCTION_LEVEL_RESET], 0x0c: [4, LINK], 0x12: [2, LINK],
  });
  readonly writable = fields(EXPRESS_BYTES, { 8: [2, 0xffff], 0x10: [2, 0x01ff], 0x28: [2, 0x001f] });
  readonly clears = fields(EXPRESS_BYTES, { 0x0a: [2, 0x000f] });
  private owner!: CapabilityOwner;

  attach(owner: CapabilityOwner): void { this.owner = owner; }

  write(): void {
    if ((this.owner.window.getUint16(8, true) & INITIATE_RESET) !== 0) this.owner.resetFunction();
  }
}

/** A capability of which only its vendor knows the meaning (7.9.4): `body` follows id, link and length. */
export function vendorSpecific(body: Uint8Array, writable?: Uint8Array): Capability {
  const bytes = new Uint8Array(3 + body.length);
  bytes[2] = bytes.length;
  bytes.set(body, 3);
  if (writable === undefined) return { id: CAP_VENDOR, bytes };
  const mask = new Uint8Array(bytes.length);
  mask.set(writable, 3);
  return { id: CAP_VENDOR, bytes, writable: mask };
}
