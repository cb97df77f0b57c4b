/**
 * A guest's accesses to counters and timers, as the hypervisor performs them while it scales the guest's time (US 12248799 B2): reads of
 * either counter give the scaled one; what is written to a timer is scaled back, never to an earlier moment, and given to the
 * CPU's own timer, which compares with the host's counter. A vCPU's thread does all of it by itself: what it has to know is in
 * memory that all of them share, and changes only while none of them runs.
 */
import type { Cpu, Machine } from '../cpu/core/machine.ts';
import * as L from '../cpu/layout.ts';
import { hostNowNs } from '../time/host-time.ts';
import { ScaledCounter } from '../time/scaled-counter.ts';

const EC_SYSTEM = 0x18n;
/** Of ESR_EL2's syndrome: all that names the register; which general register; whether it is read. */
const NAME = 0x3f_fc1en, READ = 1n;
const named = (CRm: number, op2: number): bigint => BigInt(3 << 20 | op2 << 17 | 3 << 14 | 14 << 10 | CRm << 1);

type Access = 'count' | 'value' | 'control' | 'compare';
interface Timer { readonly control: string; readonly compare: string; readonly believed: string }
const PHYSICAL: Timer = { control: 'CNTP_CTL_EL0', compare: 'CNTP_CVAL_EL0', believed: 'GUEST_CNTP_CVAL' };
const VIRTUAL: Timer = { control: 'CNTV_CTL_EL0', compare: 'CNTV_CVAL_EL0', believed: 'GUEST_CNTV_CVAL' };

const ACCESSES: ReadonlyMap<bigint, readonly [Access, Timer]> = new Map([
  [named(0, 1), ['count', PHYSICAL]], [named(0, 2), ['count', VIRTUAL]],
  [named(2, 0), ['value', PHYSICAL]], [named(2, 1), ['control', PHYSICAL]], [named(2, 2), ['compare', PHYSICAL]],
  [named(3, 0), ['value', VIRTUAL]], [named(3, 1), ['control', VIRTUAL]], [named(3, 2), ['compare', VIRTUAL]],
]);

const ENABLE = 1n, IMASK = 2n, ISTATUS = 4n;
const NEVER = 0xffff_ffff_ffff_ffffn;

/** CNTHCTL_EL2: EL1 may use its physical counter (0) and timer (1); its virtual timer (13) and counter (14) trap, and CNTPOFF_EL2 counts (12, FEAT_ECV). */
export const TRAPPED = 1n << 13n | 1n << 14n, UNTRAPPED = 3n | 1n << 12n;

export class CounterTraps {
  private readonly machine: Machine;

  constructor(machine: Machine) { this.machine = machine; }

  /** What guests see of the host's counter. Set only while no vCPU runs. */
  get counter(): ScaledCounter {
    const { view } = this.machine;
    return new ScaledCounter(view.getBigUint64(L.MACHINE + L.M_GUEST_MULTIPLIER, true), view.getBigInt64(L.MACHINE + L.M_GUEST_OFFSET, true));
  }
  set counter({ multiplier, offset }: ScaledCounter) {
    const { view } = this.machine;
    view.setBigUint64(L.MACHINE + L.M_GUEST_MULTIPLIER, multiplier, true);
    view.setBigInt64(L.MACHINE + L.M_GUEST_OFFSET, offset, true);
  }

  /** Performs the access for which a CPU came back, if it is one to a counter or a timer. */
  perform(cpu: Cpu): boolean {
    const esr = cpu.system('ESR_EL2');
    if (esr >> 26n !== EC_SYSTEM || cpu.system('CNTHCTL_EL2') !== TRAPPED) return false;
    const access = ACCESSES.get(esr & NAME);
    if (access === undefined) return false;
    const startedNs = hostNowNs(), register = Number(esr >> 5n & 31n);
    if ((esr & READ) !== 0n) cpu.setX(register, this.read(cpu, ...access));
    else this.write(cpu, ...access, cpu.x(register));
    cpu.pc += 4n;
    this.machine.countTrap(cpu.id, hostNowNs() - startedNs);
    return true;
  }

  /** The CPU's timers are due when those are that the guest believes in. */
  program(cpu: Cpu): void { for (const timer of [PHYSICAL, VIRTUAL]) this.setCompare(cpu, timer, cpu.system(timer.believed)); }

  private read(cpu: Cpu, access: Access, { control, believed }: Timer): bigint {
    const now = BigInt.asUintN(64, this.counter.at(this.machine.hostCount));
    switch (access) {
      case 'count': return now;
      case 'compare': return cpu.system(believed);
      case 'value': return BigInt.asUintN(32, cpu.system(believed) - now);
      case 'control': {
        const bits = cpu.system(control) & (ENABLE | IMASK);
        return (bits & ENABLE) !== 0n && now >= cpu.system(believed) ? bits | ISTATUS : bits;
      }
    }
  }

  private write(cpu: Cpu, access: Access, timer: Timer, value: bigint): void {
    switch (access) {
      case 'count': break;
      case 'compare': this.setCompare(cpu, timer, value); break;
      case 'value': this.setCompare(cpu, timer, BigInt.asUintN(64, this.counter.at(this.machine.hostCount) + BigInt.asIntN(32, value))); break;
      case 'control': cpu.setSystem(timer.control, value & (ENABLE | IMASK)); break;
    }
  }

  private setCompare(cpu: Cpu, { compare, believed }: Timer, value: bigint): void {
    cpu.setSystem(believed, value);
    const at = this.counter.hostAt(value) ?? NEVER;
    cpu.setSystem(compare, at > NEVER ? NEVER : at);
  }
}
