/**
 * The PCI Express capability of a root port whose slot takes devices at run time (PCI Express Base 5.0, 7.5.3.9 to 11 and
 * 6.7): presence, power, link, attention button and indicators. Each event that the guest enabled is an interrupt.
 * A slot without power keeps its device, which is then as after reset and out of reach.
 */
import { CAP_EXPRESS, EXPRESS_BYTES, EXPRESS_ROOT_PORT, LINK, type Capability, type CapabilityOwner } from './capability.ts';
import { fields } from './config-space.ts';

const LINK_STATUS = 0x12, SLOT_CONTROL = 0x18, SLOT_STATUS = 0x1a;
const ROLE_BASED_ERRORS = 1 << 15;
const SLOT_IMPLEMENTED = 1 << 8;
const LINK_ACTIVE_REPORTING = 1 << 20;
const LINK_ACTIVE = 1 << 13;
// Attention button, power controller, both indicators, surprise removal, hot plug.
const SLOT_ABILITIES = 1 << 0 | 1 << 1 | 1 << 3 | 1 << 4 | 1 << 5 | 1 << 6;

const BUTTON_PRESSED = 1 << 0, PRESENCE_CHANGED = 1 << 3, COMMAND_COMPLETED = 1 << 4, PRESENT = 1 << 6, LINK_CHANGED = 1 << 8;
const HOT_PLUG_INTERRUPT = 1 << 5, POWER_OFF = 1 << 10;
/** Slot Control bits 0 to 4 enable the status bits of the same number; this one does not. */
const LINK_CHANGED_ENABLE = 1 << 12;
const POWER_INDICATOR_ON = 1 << 8, POWER_INDICATOR_OFF = 3 << 8, ATTENTION_INDICATOR_OFF = 3 << 6;

export interface SlotIo {
  readonly number: number;
  readonly interrupt: () => void;
  /** The guest switched the slot's power off. */
  readonly powerOff: () => void;
}

export class Slot implements Capability {
  readonly id = CAP_EXPRESS;
  readonly bytes: Uint8Array;
  readonly writable = fields(EXPRESS_BYTES, { 8: [2, 0x000f], 0x10: [2, 0x01fb], 0x18: [2, 0x1fff], 0x1c: [2, 0x001f], 0x28: [2, 0x001f] });
  readonly clears = fields(EXPRESS_BYTES, { 0x0a: [2, 0x000f], 0x1a: [2, 0x011f] });
  private readonly io: SlotIo;
  private owner!: CapabilityOwner;
  private wasPowered = false;
  private asserted = false;

  constructor(io: SlotIo) {
    this.io = io;
    this.bytes = fields(EXPRESS_BYTES, {
      2: [2, 2 | EXPRESS_ROOT_PORT << 4 | SLOT_IMPLEMENTED], 4: [4, ROLE_BASED_ERRORS], 0x0c: [4, LINK | LINK_ACTIVE_REPORTING | io.number << 24],
      0x12: [2, LINK], 0x14: [4, SLOT_ABILITIES | io.number << 19],
    });
  }

  attach(owner: CapabilityOwner): void { this.owner = owner; }

  get isPowered(): boolean { return (this.get(SLOT_CONTROL) & POWER_OFF) === 0; }
  get isPresent(): boolean { return (this.get(SLOT_STATUS) & PRESENT) !== 0; }
  /** What is in the slot can be reached. */
  get isLinkUp(): boolean { return (this.get(LINK_STATUS) & LINK_ACTIVE) !== 0; }

  /** As found at power-on: a slot that holds something has power. */
  start(present: boolean): void {
    this.set(SLOT_CONTROL, ATTENTION_INDICATOR_OFF | (present ? POWER_INDICATOR_ON : POWER_OFF | POWER_INDICATOR_OFF));
    this.set(SLOT_STATUS, present ? PRESENT : 0);
    this.set(LINK_STATUS, LINK | (present ? LINK_ACTIVE : 0));
    this.follow();
  }

  /** Somebody put a device into the slot and pressed its button, for which guests wait where there is one. */
  filled(): void { this.happened(PRESENT | PRESENCE_CHANGED | BUTTON_PRESSED); }

  /** Somebody put a device into the slot, and left its button alone. */
  inserted(): void { this.happened(PRESENT | PRESENCE_CHANGED); }

  emptied(): void {
    this.set(SLOT_STATUS, this.get(SLOT_STATUS) & ~PRESENT);
    this.happened(PRESENCE_CHANGED);
  }

  pressButton(): void { this.happened(BUTTON_PRESSED); }

  private happened(status: number) {
    this.set(SLOT_STATUS, this.get(SLOT_STATUS) | status);
    this.sync();
  }

  write(offset: number): void {
    if (offset >= SLOT_CONTROL && offset < SLOT_STATUS) {
      const cut = this.wasPowered && !this.isPowered;
      this.wasPowered = this.isPowered;
      this.set(SLOT_STATUS, this.get(SLOT_STATUS) | COMMAND_COMPLETED);
      if (cut) this.io.powerOff();
    }
    this.sync();
  }

  follow(): void {
    this.wasPowered = this.isPowered;
    this.asserted = this.wantsInterrupt;
  }

  private get wantsInterrupt() {
    const control = this.get(SLOT_CONTROL), status = this.get(SLOT_STATUS);
    const events = status & control & 0x1f | ((control & LINK_CHANGED_ENABLE) !== 0 ? status & LINK_CHANGED : 0);
    return (control & HOT_PLUG_INTERRUPT) !== 0 && events !== 0;
  }

  /** The link follows presence and power; a message is sent when events begin to be there. */
  private sync() {
    const isUp = this.isPresent && this.isPowered;
    if (isUp !== this.isLinkUp) {
      this.set(LINK_STATUS, LINK | (isUp ? LINK_ACTIVE : 0));
      this.set(SLOT_STATUS, this.get(SLOT_STATUS) | LINK_CHANGED);
    }
    this.owner.changed();
    const wanted = this.wantsInterrupt, isNew = wanted && !this.asserted;
    this.asserted = wanted;
    if (isNew) this.io.interrupt();
  }

  private get(at: number) { return this.owner.window.getUint16(at, true); }
  private set(at: number, value: number) { this.owner.window.setUint16(at, value, true); }
}
