/**
 * Protection of a VM's boot by its watchdog (US 20230229558 A1): what an operator decides, and the record of what became of each attempt.
 * All that changes a record is here, pure, since the VM's worker changes it while the VM is on, and the engine while it is off.
 * `atNs` is by the VM's own clock, since the attempt began.
 */
import * as v from 'valibot';
import { fixed, say, type Message, type Phrase } from '../base/phrase.ts';
import type { BootWatchdogSpec, GuestSource } from './vm.ts';

export const BOOT_LIMITS = { timeoutS: { min: 1, max: 3600 }, goodAfterS: { min: 0, max: 3600 }, failures: { min: 1, max: 100 }, banks: 8, attempts: 20 } as const;

/** Whether the guest has a watchdog, and whether it is armed before the guest starts. */
export const WATCHDOG_MODES = ['none', 'guest', 'boot'] as const;
export type WatchdogMode = (typeof WATCHDOG_MODES)[number];

/** There is one for the guest, as on a server, and nobody arms it but the guest. */
export const USUAL_WATCHDOG: BootWatchdogSpec = { mode: 'guest', timeoutS: 60, goodAfterS: 10, failures: 3, banks: [] };

/** In the order in which a boot comes to them. */
export const BOOT_STAGES = ['powerOn', 'installed', 'enabled', 'handedOver', 'tookOver', 'up'] as const;
export type BootStage = (typeof BOOT_STAGES)[number];

/** What is broken of the next boot, once, in the copy in the guest's memory or in its command line. */
export const BOOT_DRILLS = ['corruptKernel', 'hang', 'panic', 'badInit'] as const;
export type BootDrill = (typeof BOOT_DRILLS)[number];

/** How an attempt ended. The first three are the guest's, `unloadable` is that of who loads it, the others are those of whom it was asked. */
export const BOOT_ENDS = ['watchdog', 'guestReset', 'poweredOff', 'unloadable', 'reset', 'stopped', 'failed'] as const;
export type BootEnd = (typeof BOOT_ENDS)[number];

/** The bank that is the VM's settings. */
export const SETTINGS_BANK = 'settings';

export interface BootAttempt {
  readonly number: number;
  /** Of the outside world, in ms since 1970. */
  readonly startedMs: number;
  readonly bank: string;
  /** As it was named then; '' of the settings. */
  readonly bankName: string;
  /** The one before ended by the watchdog. */
  readonly afterWatchdog: boolean;
  readonly drill?: BootDrill;
  readonly stages: readonly { readonly stage: BootStage; readonly atNs: number }[];
  readonly end?: { readonly cause: BootEnd; readonly atNs: number; readonly why?: Message };
}

export interface BootRecord {
  /** Oldest first; the last one goes on when it has no end. */
  readonly attempts: readonly BootAttempt[];
  /** The bank that is booted next, and now. */
  readonly bank: string;
  /** Banks of which a boot was good, or an operator said so. */
  readonly good: readonly string[];
  /** Attempts in a row that were not good, with this bank. */
  readonly failures: number;
  /** The bank was left for another one by itself; until an operator chooses one. */
  readonly fellBack?: { readonly from: string; readonly to: string; readonly atMs: number };
  readonly drill?: BootDrill;
}

export const NO_BOOTS: BootRecord = { attempts: [], bank: SETTINGS_BANK, good: [], failures: 0 };

export const stageOf = ({ stages }: BootAttempt): BootStage => stages.at(-1)?.stage ?? 'powerOn';
export const isGood = ({ stages }: BootAttempt): boolean => stages.some(({ stage }) => stage === 'up');
/** The attempt that goes on. */
export const presentAttempt = ({ attempts }: BootRecord): BootAttempt | undefined => (attempts.at(-1)?.end === undefined ? attempts.at(-1) : undefined);

/** All that can be booted, the settings first. */
export const banksOf = ({ banks }: Pick<BootWatchdogSpec, 'banks'>): readonly { readonly id: string; readonly name: string }[] => [{ id: SETTINGS_BANK, name: '' }, ...banks];

/** The bank after a record's one that is good, in a circle. */
export function nextGood({ bank, good }: BootRecord, spec: Pick<BootWatchdogSpec, 'banks'>): string | undefined {
  const ids = banksOf(spec).map(({ id }) => id), at = ids.indexOf(bank);
  return [...ids.slice(at + 1), ...ids.slice(0, Math.max(0, at))].find(id => id !== bank && good.includes(id));
}

/** A boot begins. A bank that is gone is not booted. */
export function began(record: BootRecord, spec: BootWatchdogSpec, startedMs: number): BootRecord {
  const known = banksOf(spec).find(({ id }) => id === record.bank), last = record.attempts.at(-1), { drill, ...rest } = cut(record);
  const attempt: BootAttempt = {
    number: Math.max(0, ...record.attempts.map(({ number }) => number)) + 1, startedMs, bank: known?.id ?? SETTINGS_BANK, bankName: known?.name ?? '', afterWatchdog: last?.end?.cause === 'watchdog',
    ...(drill && { drill }), stages: [{ stage: 'powerOn', atNs: 0 }],
  };
  return { ...rest, bank: attempt.bank, attempts: [...rest.attempts, attempt].slice(-BOOT_LIMITS.attempts) };
}

/** Nobody saw the present attempt end, as whoever kept the record was killed. */
export const cut = (record: BootRecord): BootRecord => {
  const attempt = presentAttempt(record);
  return attempt === undefined ? record : withLast(record, { ...attempt, end: { cause: 'failed', atNs: attempt.stages.at(-1)?.atNs ?? 0 } });
};

/** A stage is come to once; one that is up makes its bank a good one. */
export function reached(record: BootRecord, stage: BootStage, atNs: number): BootRecord {
  const attempt = presentAttempt(record);
  if (attempt === undefined || attempt.stages.some(each => each.stage === stage)) return record;
  const next = withLast(record, { ...attempt, stages: [...attempt.stages, { stage, atNs }] });
  return stage === 'up' ? { ...next, failures: 0, good: [...new Set([...record.good, attempt.bank])] } : next;
}

/** What happened is the guest's fault: it did not come up. A reset by firmware, before it gave the machine away, is part of a boot. */
const isFailure = (attempt: BootAttempt, cause: BootEnd): boolean => !isGood(attempt)
  && (cause === 'watchdog' || cause === 'unloadable' || cause === 'guestReset' && attempt.stages.some(({ stage }) => stage === 'handedOver'));

/** The attempt is over. With protection, so many failures in a row let the next good bank take over; one that cannot even be loaded is not tried again, and is no good bank any more. */
export function ended(record: BootRecord, spec: BootWatchdogSpec, end: NonNullable<BootAttempt['end']>, nowMs: number): BootRecord {
  const attempt = presentAttempt(record);
  if (attempt === undefined) return record;
  const last = withLast(record, { ...attempt, end }), over = end.cause === 'unloadable' ? { ...last, good: last.good.filter(id => id !== attempt.bank) } : last;
  if (!isFailure(attempt, end.cause)) return over;
  const failures = record.failures + 1, to = nextGood(record, spec);
  if (spec.mode !== 'boot' || to === undefined || failures < spec.failures && end.cause !== 'unloadable') return { ...over, failures };
  return { ...over, failures: 0, bank: to, fellBack: { from: record.bank, to, atMs: nowMs } };
}

const withLast = (record: BootRecord, attempt: BootAttempt): BootRecord => ({ ...record, attempts: [...record.attempts.slice(0, -1), attempt] });

const BankId = v.pipe(v.string(), v.maxLength(40));
/** What an operator changes of a record. */
export const BootChange = v.variant('kind', [
  v.object({ kind: v.literal('choose'), bank: BankId }),
  v.object({ kind: v.literal('mark'), bank: BankId, good: v.boolean() }),
  /** Breaks the next boot, or, without one, does not after all. */
  v.object({ kind: v.literal('drill'), drill: v.optional(v.picklist(BOOT_DRILLS, fixed(say`There is no such drill.`))) }),
]);
export type BootChange = v.InferOutput<typeof BootChange>;

/** Choosing a bank is for the next boot, and says that what was fallen back from is known. */
export function changed(record: BootRecord, change: BootChange): BootRecord {
  const { drill: _d, ...undrilled } = record, { fellBack: _f, ...settled } = record;
  switch (change.kind) {
    case 'choose': return { ...settled, bank: change.bank, failures: 0 };
    case 'mark': return { ...record, good: change.good ? [...new Set([...record.good, change.bank])] : record.good.filter(id => id !== change.bank) };
    case 'drill': return change.drill === undefined ? undrilled : { ...undrilled, drill: change.drill };
    default: return change satisfies never;
  }
}

/** Which guests a drill can break: one that firmware loads is out of the hypervisor's hands. */
export const canDrill = (drill: BootDrill, { kind }: GuestSource): boolean => kind === 'linux' || kind === 'binary' && (drill === 'corruptKernel' || drill === 'hang');

/** Flash is part of the board: a bank with other flash would be another machine. */
export const isSameMachine = (a: GuestSource, b: GuestSource): boolean => (a.kind === 'firmware') === (b.kind === 'firmware') && (a.kind !== 'firmware' || b.kind !== 'firmware' || a.firmwarePath === b.firmwarePath && a.variablesPath === b.variablesPath);

export const STAGE_NAMES: Readonly<Record<BootStage, Phrase>> = {
  powerOn: say`Power on`, installed: say`Watchdog API installed`, enabled: say`Enabled by the loader`, handedOver: say`Handed over`, tookOver: say`Kernel took over`, up: say`Up`,
};
export const END_NAMES: Readonly<Record<BootEnd, Phrase>> = {
  watchdog: say`Reset by the watchdog`, guestReset: say`Reset by its guest`, poweredOff: say`Powered off by its guest`, unloadable: say`Could not be loaded`, reset: say`Reset by an operator`, stopped: say`Powered off`, failed: say`Failed`,
};
export const DRILL_NAMES: Readonly<Record<BootDrill, Phrase>> = { corruptKernel: say`Corrupt kernel`, hang: say`Hang before the driver`, panic: say`Kernel panic`, badInit: say`Bad init` };
