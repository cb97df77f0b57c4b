import type { Alarm, Clock } from '../../time/clock.ts';
import type { Device, Line } from '../device.ts';

/** Longer than gpio-keys' debounce interval, shorter than a user's next press. */
const HELD_NS = 100_000_000;

export interface PowerButtonState { releaseNs: number | null }

/** A button on the front, for power or to restart, wired to a GPIO pin: a press holds it for a tenth of a second. */
export class PowerButton implements Device<PowerButtonState> {
  readonly name: string;
  readonly regions = {};
  private readonly pin: Line;
  private readonly clock: Clock;
  private readonly alarm: Alarm;
  private releaseNs: number | null = null;

  constructor(io: { readonly name?: string; readonly clock: Clock; readonly pin: Line }) {
    this.name = io.name ?? 'power-button';
    this.pin = io.pin;
    this.clock = io.clock;
    this.alarm = io.clock.alarm(this.name, () => { this.releaseNs = null; this.sync(); });
  }

  press(): void { this.releaseNs = this.clock.nowNs + HELD_NS; this.sync(); }

  private sync() {
    this.pin.set(this.releaseNs !== null);
    if (this.releaseNs === null) this.alarm.clear();
    else this.alarm.set(this.releaseNs);
  }

  reset(): void { this.releaseNs = null; this.sync(); }
  save(): PowerButtonState { return { releaseNs: this.releaseNs }; }
  restore(state: PowerButtonState): void { this.releaseNs = state.releaseNs; this.sync(); }
}
