/**
 * A watchdog that is armed across the gap between who loads a guest and the guest (US 20230229558 A1). Who loads it, the hypervisor
 * itself or firmware of ours, installs the API, enables the watchdog, refreshes it, and hands over with a last refresh: from then on the API is gone,
 * and only the guest's driver keeps the machine from its reset. What a boot came to is kept in a `BootRecord`.
 * Without protection it arms nothing and the record is kept all the same. Times that are given are in ns of guest time.
 */
import { messageFields, type Said } from '../../shared/base/phrase.ts';
import { began, changed, ended, NO_BOOTS, presentAttempt, reached, stageOf, USUAL_WATCHDOG, type BootAttempt, type BootChange, type BootDrill, type BootEnd, type BootRecord, type BootStage } from '../../shared/model/boot-watchdog.ts';
import type { BootWatchdogSpec } from '../../shared/model/vm.ts';
import type { SbsaGwdt } from '../devices/watchdog/sbsa-gwdt.ts';
import type { Alarm, Clock } from '../time/clock.ts';

/** What who loads the guest has of the watchdog. Calls that come at the wrong time do nothing. */
export interface BootWatchdogApi {
  /** The time to enable it for, which the operator chose. */
  readonly timeoutNs: number;
  /** The environment is there, and can be asked for the watchdog. */
  install(): void;
  enable(timeoutNs?: number): void;
  refresh(): void;
  disable(): void;
  /** The last refresh; the guest is entered. Whoever did not enable the watchdog leaves it as it is. */
  handOver(): void;
}

export interface BootWatchdogIo {
  /** The board's, if it has one. */
  readonly watchdog: SbsaGwdt | undefined;
  readonly clock: Clock;
  readonly wallMs: () => number;
  /** The record is another one. */
  readonly changed: (record: BootRecord) => void;
}

export interface BootWatchdogState {
  /** The API is there. */
  readonly isInstalled: boolean;
  /** Of the VM's clock. */
  readonly startedNs: number;
  readonly goodNs: number | null;
  readonly attempt: BootAttempt | null;
}

export class BootWatchdog implements BootWatchdogApi {
  private readonly io: BootWatchdogIo;
  private readonly alarm: Alarm;
  private spec: BootWatchdogSpec;
  private record: BootRecord;
  private isInstalled = false;
  private startedNs = 0;
  /** When the boot is a good one. */
  private goodNs: number | null = null;

  constructor({ spec = USUAL_WATCHDOG, record = NO_BOOTS }: { readonly spec?: BootWatchdogSpec | undefined; readonly record?: BootRecord | undefined }, io: BootWatchdogIo) {
    this.io = io;
    this.spec = spec;
    this.record = record;
    this.alarm = io.clock.alarm('boot-watchdog', () => this.good());
    if (io.watchdog !== undefined) io.watchdog.used = () => this.takenOver();
  }

  get boots(): BootRecord { return this.record; }
  get timeoutNs(): number { return this.spec.timeoutS * 1e9; }
  get stage(): BootStage | undefined {
    const attempt = presentAttempt(this.record);
    return attempt && stageOf(attempt);
  }
  /** Of this boot, in ns of the VM's clock. */
  get sinceNs(): number { return this.io.clock.nowNs - this.startedNs; }
  private get isProtected(): boolean { return this.spec.mode === 'boot' && this.io.watchdog !== undefined; }

  /** A boot begins. Says what is to be booted, and how it is to be broken. */
  begin(): { readonly bank: string; readonly drill: BootDrill | undefined } {
    this.startedNs = this.io.clock.nowNs;
    this.isInstalled = false;
    this.setGood(null);
    this.put(began(this.record, this.spec, this.io.wallMs()));
    return { bank: this.record.bank, drill: presentAttempt(this.record)?.drill };
  }

  /** The present boot is over. */
  end(cause: BootEnd, why?: Said): void {
    this.setGood(null);
    this.put(ended(this.record, this.spec, { cause, atNs: this.sinceNs, ...(why !== undefined && { why: messageFields(why) }) }, this.io.wallMs()));
    if (cause === 'watchdog') this.io.watchdog?.noteReset();
  }

  /** The guest could not be loaded. Says whether another bank is to be tried. */
  unloadable(why: Said): boolean {
    const { bank } = this.record;
    this.end('unloadable', why);
    return this.record.bank !== bank;
  }

  install(): void {
    if (!this.isProtected || this.stage !== 'powerOn') return;
    this.isInstalled = true;
    this.reach('installed');
  }

  enable(timeoutNs = this.timeoutNs): void {
    if (!this.isInstalled) return;
    this.io.watchdog?.arm(timeoutNs);
    this.reach('enabled');
  }

  refresh(): void { if (this.isInstalled) this.io.watchdog?.rearm(); }
  disable(): void { if (this.isInstalled) this.io.watchdog?.disarm(); }

  handOver(): void {
    if (!this.isInstalled) return;
    this.io.watchdog?.rearm();
    this.isInstalled = false;
    this.reach('handedOver');
  }

  /** What the loader of a guest does that has no firmware, just before the jump. */
  armForGuest(): void {
    this.install();
    this.enable();
    this.handOver();
  }

  change(change: BootChange): void { this.put(changed(this.record, change)); }
  /** The rules from now on; whether there is a watchdog stays as it is. */
  set(spec: BootWatchdogSpec): void { this.spec = spec; }

  private takenOver(): void {
    if (this.stage !== 'handedOver') return;
    this.reach('tookOver');
    this.setGood(this.io.clock.nowNs + this.spec.goodAfterS * 1e9);
    if (this.spec.goodAfterS === 0) this.good();
  }

  private good(): void {
    this.setGood(null);
    this.reach('up');
  }

  private setGood(goodNs: number | null): void {
    this.goodNs = goodNs;
    if (goodNs === null) this.alarm.clear();
    else this.alarm.set(goodNs);
  }

  private reach(stage: BootStage): void { this.put(reached(this.record, stage, this.sinceNs)); }

  private put(record: BootRecord): void {
    if (record === this.record) return;
    this.record = record;
    this.io.changed(record);
  }

  save(): BootWatchdogState { return { isInstalled: this.isInstalled, startedNs: this.startedNs, goodNs: this.goodNs, attempt: presentAttempt(this.record) ?? null }; }

  /** The attempt goes on in whatever record there is; what an operator decided meanwhile holds. */
  restore({ isInstalled, startedNs, goodNs, attempt }: BootWatchdogState): void {
    Object.assign(this, { isInstalled, startedNs });
    this.setGood(goodNs);
    if (attempt === null) return;
    const others = this.record.attempts.filter(({ number }) => number !== attempt.number);
    this.put({ ...this.record, attempts: [...others, attempt] });
  }
}
