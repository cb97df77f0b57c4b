/**
 * A logical unit (SAM-5): a disk, or a CD drive whose medium comes and goes. What happened to it since it was last asked
 * waits as unit attentions. Its medium is not a part of its state, as of every disk.
 */
import type { BlockMedium } from '../virtio/block.ts';
import { CDROM_COMMANDS, DRIVE_COMMANDS } from './cdrom-commands.ts';
import { DISK_COMMANDS } from './block-commands.ts';
import { check, give, good, page, type Cdb, type ScsiOutcome, type ScsiRequest } from './command.ts';
import { inquiry, modeSense } from './inquiry.ts';
import { fixedSense, INVALID_FIELD, INVALID_OPCODE, MEDIUM_CHANGED, NO_SENSE, REMOVAL_PREVENTED, STOPPED, TRAY_CLOSED, TRAY_OPEN, WAS_RESET, WRITE_ERROR, type Sense } from './sense.ts';

export const DISK = 0, CDROM = 5;
const NEW_MEDIUM = 2, MEDIUM_GONE = 3;
const TEST_UNIT_READY = 0x00;

export interface ScsiUnitState {
  readonly attentions: Sense[];
  isTrayOpen: boolean;
  isLocked: boolean;
  isStopped: boolean;
  /** MMC's number of what last happened to the medium, or 0. */
  mediaEvent: number;
  /** Of the medium, to see whether another is in the drive after a restore. */
  mediumBytes: number;
}

export interface ScsiUnitIo {
  readonly type: typeof DISK | typeof CDROM;
  /** Of a CD drive it may be missing. */
  readonly medium: BlockMedium | undefined;
  readonly serial: string;
}

type UnitCommand = (unit: ScsiUnit, cdb: Cdb) => ScsiOutcome | Promise<ScsiOutcome>;
const COMMON: Readonly<Record<number, UnitCommand>> = {
  0x03: (unit, cdb) => give(fixedSense(unit.takeAttention() ?? unit.problem ?? NO_SENSE), cdb.byte(4)), 0x12: inquiry, 0x1a: modeSense, 0x5a: modeSense,
  0x1b: (unit, cdb) => unit.startStop(cdb.byte(4)), 0x1e: (unit, cdb) => unit.prevent((cdb.byte(4) & 1) !== 0), 0xa0: (_, cdb) => reportLuns(cdb),
};
/** INQUIRY, REPORT LUNS, REQUEST SENSE and GET EVENT STATUS NOTIFICATION are answered whatever happened. */
const WITHOUT_ATTENTION = new Set([0x03, 0x12, 0xa0, 0x4a]);

/** Unit 0, and no other. */
const reportLuns = (cdb: Cdb) => (cdb.byte(2) > 2 || cdb.long(6) < 16 ? check(INVALID_FIELD) : give(page(16, { 0: [4, cdb.byte(2) === 1 ? 0 : 8] }), cdb.long(6)));

export class ScsiUnit {
  readonly type: typeof DISK | typeof CDROM;
  readonly serial: string;
  readonly blockBytes: number;
  medium: BlockMedium | undefined;
  private state: ScsiUnitState;

  constructor({ type, medium, serial }: ScsiUnitIo) {
    this.type = type;
    this.medium = medium;
    this.serial = serial;
    this.blockBytes = type === CDROM ? 2048 : 512;
    this.state = this.fresh();
  }

  get isTrayOpen(): boolean { return this.state.isTrayOpen; }
  get isLocked(): boolean { return this.state.isLocked; }
  /** The medium, when it can be reached. */
  get loaded(): BlockMedium | undefined { return this.state.isTrayOpen ? undefined : this.medium; }
  get blocks(): number { return Math.floor((this.loaded?.sizeBytes ?? 0) / this.blockBytes); }
  /** Why its medium cannot be used. */
  get problem(): Sense | undefined {
    if (this.state.isTrayOpen) return TRAY_OPEN;
    if (this.medium === undefined) return TRAY_CLOSED;
    return this.state.isStopped ? STOPPED : undefined;
  }

  /** At once, unless a medium has to answer. */
  run(request: ScsiRequest): ScsiOutcome | Promise<ScsiOutcome> {
    const { cdb } = request, attention = WITHOUT_ATTENTION.has(cdb.opcode) ? undefined : this.takeAttention();
    if (attention !== undefined) return check(attention);
    const plain = COMMON[cdb.opcode] ?? (this.type === CDROM ? DRIVE_COMMANDS[cdb.opcode] : undefined);
    if (plain !== undefined) return plain(this, cdb);
    const command = (this.type === CDROM ? CDROM_COMMANDS : DISK_COMMANDS)[cdb.opcode], { problem, medium } = this;
    if (command === undefined && cdb.opcode !== TEST_UNIT_READY) return check(INVALID_OPCODE);
    if (problem !== undefined) return check(problem);
    return command === undefined ? good : command(this, request, medium!);
  }

  /** From outside, whether or not the guest locked the drive: another medium, or none. The tray is closed then. */
  change(medium: BlockMedium | undefined): void {
    this.medium = medium;
    this.state.isTrayOpen = false;
    this.noteMedium();
  }

  startStop(flags: number): ScsiOutcome | Promise<ScsiOutcome> {
    const isStart = (flags & 1) !== 0, moves = (flags & 2) !== 0;
    if (this.type === DISK) return this.spin(isStart);
    if (!moves || isStart !== this.state.isTrayOpen) return good;
    if (!isStart && this.state.isLocked) return check(REMOVAL_PREVENTED);
    this.state.isTrayOpen = !isStart;
    this.noteMedium();
    return good;
  }

  prevent(isLocked: boolean): ScsiOutcome {
    if (this.type === DISK) return check(INVALID_OPCODE);
    this.state.isLocked = isLocked;
    return good;
  }

  takeAttention(): Sense | undefined { return this.state.attentions.shift(); }

  takeMediaEvent(): number {
    const { mediaEvent } = this.state;
    this.state.mediaEvent = 0;
    return mediaEvent;
  }

  /** As after power-on, or a reset of the unit. */
  reset(): void { this.state = this.fresh(); }

  save(): ScsiUnitState { return structuredClone(this.state); }

  restore(state: ScsiUnitState): void {
    this.state = structuredClone(state);
    if (this.type === CDROM && this.state.mediumBytes !== (this.medium?.sizeBytes ?? 0)) this.noteMedium();
  }

  private async spin(isStart: boolean): Promise<ScsiOutcome> {
    this.state.isStopped = !isStart;
    try { if (!isStart) await this.medium?.flush(); } catch { return check(WRITE_ERROR); }
    return good;
  }

  private noteMedium() {
    const { state } = this, isThere = this.loaded !== undefined;
    state.mediaEvent = isThere ? NEW_MEDIUM : MEDIUM_GONE;
    state.mediumBytes = this.medium?.sizeBytes ?? 0;
    if (isThere && !state.attentions.some(([, code]) => code === MEDIUM_CHANGED[1])) state.attentions.push(MEDIUM_CHANGED);
  }

  private fresh(): ScsiUnitState {
    return { attentions: [WAS_RESET], isTrayOpen: false, isLocked: false, isStopped: false, mediaEvent: 0, mediumBytes: this.medium?.sizeBytes ?? 0 };
  }
}
