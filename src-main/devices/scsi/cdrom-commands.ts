/** What CD and DVD drives do (MMC-6, chapter 6): one session with one data track. Left out: audio, raw sectors, writing. */
import { read, readCapacity, type MediumCommand } from './block-commands.ts';
import { check, give, good, page, type Cdb, type ScsiOutcome } from './command.ts';
import type { ScsiUnit } from './scsi-unit.ts';
import { INVALID_FIELD } from './sense.ts';

/** 80 minutes of 60 seconds of 75 blocks. */
const CD_BLOCKS_MOST = 80 * 60 * 75;
const PROFILE_CD = 0x08, PROFILE_DVD = 0x10;
const LEAD_OUT = 0xaa, DATA_TRACK = 0x14;
const MEDIA_CLASS = 4, NO_EVENT = 0x80;

/** Minute, second and frame; the first block is at two seconds. */
const msf = (lba: number): number[] => { const frame = lba + 150; return [0, Math.floor(frame / 4500) & 0xff, Math.floor(frame / 75) % 60, frame % 75]; };
const plain = (lba: number): number[] => [...page(4, { 0: [4, lba] })];

/** READ TOC/PMA/ATIP: formats 0, tracks, and 1, sessions. */
const readToc: MediumCommand = (unit, { cdb }) => {
  const at = (cdb.byte(1) & 2) !== 0 ? msf : plain, format = cdb.byte(2) & 15 || cdb.byte(9) >> 6, first = cdb.byte(6);
  const entry = (track: number, lba: number) => [0, DATA_TRACK, track, 0, ...at(lba)];
  if (format === 1) return give(Uint8Array.from([0, 10, 1, 1, ...entry(1, 0)]), cdb.word(7));
  if (format !== 0 || (first > 1 && first !== LEAD_OUT)) return check(INVALID_FIELD);
  const entries = [...(first <= 1 ? entry(1, 0) : []), ...entry(LEAD_OUT, unit.blocks)];
  return give(Uint8Array.from([0, entries.length + 2, 1, 1, ...entries]), cdb.word(7));
};

const readDiscInformation: MediumCommand = (_, { cdb }) => ((cdb.byte(1) & 7) !== 0 ? check(INVALID_FIELD)
  : give(page(34, { 0: [2, 32], 2: [1, 0x0e], 3: [1, 1], 4: [1, 1], 5: [1, 1], 6: [1, 1], 7: [1, 0x20] }), cdb.word(7)));

export const CDROM_COMMANDS: Readonly<Record<number, MediumCommand>> = {
  0x28: read, 0xa8: read, 0x25: readCapacity, 0x43: readToc, 0x51: readDiscInformation, 0x2b: () => good, 0xbb: () => good,
};

/** Those that an empty drive answers too. */
export const DRIVE_COMMANDS: Readonly<Record<number, (unit: ScsiUnit, cdb: Cdb) => ScsiOutcome>> = { 0x46: getConfiguration, 0x4a: getEventStatus, 0xbd: mechanismStatus };

function getConfiguration(unit: ScsiUnit, cdb: Cdb): ScsiOutcome {
  const kind = cdb.byte(1) & 3, start = cdb.word(2), profile = unit.loaded === undefined ? 0 : unit.blocks > CD_BLOCKS_MOST ? PROFILE_DVD : PROFILE_CD;
  const inProfile = (each: number) => [0, each, profile === each ? 1 : 0, 0], isLoaded = profile !== 0 ? 1 : 0;
  // Number, whether persistent and current, data.
  const all: [number, number, number[]][] = [
    [0x00, 3, [...inProfile(PROFILE_DVD), ...inProfile(PROFILE_CD)]], [0x01, 0x0b, [0, 0, 0, 1, 1, 0, 0, 0]], [0x02, 7, [2, 0, 0, 0]], [0x03, 3, [0x39, 0, 0, 0]],
    [0x10, isLoaded, [0, 0, 8, 0, 0, 1, 0, 0]], [0x1e, profile === PROFILE_CD ? 1 : 0, [0, 0, 0, 0]], [0x1f, profile === PROFILE_DVD ? 1 : 0, [0, 0, 0, 0]],
  ];
  const chosen = all.filter(([number, flags]) => (kind === 2 ? number === start : number >= start && (kind === 0 || (flags & 1) !== 0)));
  const body = chosen.flatMap(([number, flags, data]) => [0, number, flags, data.length, ...data]);
  return give(Uint8Array.from([...page(8, { 0: [4, body.length + 4], 6: [2, profile] }), ...body]), cdb.word(7));
}

/** GET EVENT STATUS NOTIFICATION, polled: what happened to the medium since it was last asked. */
function getEventStatus(unit: ScsiUnit, cdb: Cdb): ScsiOutcome {
  if ((cdb.byte(1) & 1) === 0) return check(INVALID_FIELD);
  const header = (follows: number, what: number) => [0, follows, what, 1 << MEDIA_CLASS];
  if ((cdb.byte(4) & 1 << MEDIA_CLASS) === 0) return give(Uint8Array.from(header(2, NO_EVENT)), cdb.word(7));
  const state = (unit.isTrayOpen ? 1 : 0) | (unit.loaded === undefined ? 0 : 2);
  return give(Uint8Array.from([...header(6, MEDIA_CLASS), unit.takeMediaEvent(), state, 0, 0]), cdb.word(7));
}

function mechanismStatus(unit: ScsiUnit, cdb: Cdb): ScsiOutcome { return give(Uint8Array.of(0, unit.isTrayOpen ? 0x10 : 0, 0, 0, 0, 1, 0, 0), cdb.word(8)); }
