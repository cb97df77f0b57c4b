/** A virtual CPU: enters the guest for a slice, and does what its exits ask for. */
import type { Ipa } from '../../shared/base/ids.ts';
import { TIMER_P, TIMER_V } from '../cpu/layout.ts';
import type { Cpu, ExitReason } from '../cpu/core/machine.ts';
import type { Gic } from '../devices/gic/gic.ts';
import type { VirtualCpuInterface } from '../devices/gic/list-register.ts';
import type { CpuLines } from '../host/board.ts';
import type { Bus } from '../memory/bus.ts';
import { hostNowNs } from '../time/host-time.ts';
import type { CounterTraps } from './counter-traps.ts';
import { decodeExit, loadedValue, type MmioExit, type VmExit } from './exit.ts';
import { psciCall, type PsciActions } from './psci.ts';

const ICC_SGI1R_EL1 = 'S3_0_C12_C11_5';
/** ICH_HCR_EL2: the virtual interface is on; UIE asks to leave when list registers run out. */
const ICH_EN = 1n, ICH_UIE = 2n;
const ICH_VMCR_PMR = 24n;

export interface VcpuIo {
  readonly gic: Gic;
  /** The wires of the CPU's own interrupts. */
  readonly lines: CpuLines;
  readonly bus: Bus<Ipa>;
  readonly psci: PsciActions;
  readonly counterTraps: CounterTraps;
  /** Calls of firmware in the hypervisor, by the number in the HVC; says whether it was one. */
  readonly firmwareCall: (vcpu: Vcpu, number: number) => boolean;
  /** A timer's line rises, whose comparator is this. */
  readonly rang: (compare: bigint) => void;
  /** Called with the cause of each exit. */
  readonly countExit: (cause: string) => void;
  readonly guestError: (what: string) => void;
  /** Memory that may be still to come, by pages of the emulated host's RAM. */
  readonly pages: VcpuPages;
}

export interface VcpuPages {
  want(page: number): void;
  isMissing(page: number): boolean;
  /** A vCPU waited for so long. */
  waited(ns: number): void;
}

export interface VcpuState { readonly on: boolean; readonly waiting: boolean }

export class Vcpu {
  readonly cpu: Cpu;
  /** Turned on, as PSCI sees it. */
  on = false;
  /** In WFI: runs again when an interrupt is pending. */
  waiting = false;
  /** Firmware performs a call of its, and lets it go then. Not a part of its state: what waits calls again. */
  held = false;
  /** The page that it needs, and since when. Not a part of its state either. */
  private wanted: { readonly page: number; readonly sinceNs: number } | undefined;
  private readonly io: VcpuIo;
  private readonly interface: VirtualCpuInterface;
  /** Timers' lines as they were driven last. */
  private outputs = 0;

  constructor(cpu: Cpu, io: VcpuIo) {
    this.cpu = cpu;
    this.io = io;
    this.interface = {
      lrCount: cpu.listRegisterCount,
      readLr: n => cpu.listRegister(n),
      writeLr: (n, value) => cpu.setListRegister(n, value),
      setUnderflowInterrupt: on => cpu.setSystem('ICH_HCR_EL2', on ? ICH_EN | ICH_UIE : ICH_EN),
    };
  }

  /** Turned on, and not asleep without a reason to wake. */
  get runnable(): boolean {
    if (!this.on || this.held || this.lacksPage) return false;
    if (!this.waiting) return true;
    this.driveTimerLines();
    return this.io.gic.highestPendingExists(this.cpu.id, this.priorityMask);
  }

  /** What it needs to go on is still to come. */
  get lacksPage(): boolean {
    if (this.wanted === undefined) return false;
    if (this.io.pages.isMissing(this.wanted.page)) return true;
    this.io.pages.waited(hostNowNs() - this.wanted.sinceNs);
    this.wanted = undefined;
    return false;
  }

  private get priorityMask(): number { return Number((this.cpu.system('ICH_VMCR_EL2') >> ICH_VMCR_PMR) & 0xffn); }

  /** Runs about `budget` instructions, or until an exit. */
  run(budget: number): void {
    this.enter();
    const reason = this.cpu.run(budget);
    this.takeBack();
    this.leave(reason);
  }

  /** The CPU is about to run: gives it what it is to hear of. */
  enter(): void {
    this.waiting = false;
    this.driveTimerLines();
    this.io.gic.flush(this.cpu.id, this.interface);
  }

  /** The CPU ran: hears what became of its interrupts. */
  takeBack(): void {
    this.io.gic.sync(this.cpu.id, this.interface);
    this.driveTimerLines();
  }

  private driveTimerLines(): void {
    const outputs = this.cpu.timerOutputs, rising = outputs & ~this.outputs;
    this.outputs = outputs;
    if ((rising & TIMER_V) !== 0) this.io.rang(this.cpu.system('CNTV_CVAL_EL0'));
    if ((rising & TIMER_P) !== 0) this.io.rang(this.cpu.system('CNTP_CVAL_EL0'));
    this.io.lines.virtualTimer.set((outputs & TIMER_V) !== 0);
    this.io.lines.physicalTimer.set((outputs & TIMER_P) !== 0);
  }

  /** Does what the CPU came back for. */
  leave(reason: ExitReason): void {
    if (reason === 'budget' || reason === 'yield') return;
    if (reason === 'el2' && this.io.counterTraps.perform(this.cpu)) return;
    if (reason === 'page') { this.want(this.cpu.wantedPage); return; }
    if (reason === 'wfi') this.waiting = true;
    if (reason === 'el2') this.handle(decodeExit({ esr: this.cpu.system('ESR_EL2'), far: this.cpu.system('FAR_EL2'), hpfar: this.cpu.system('HPFAR_EL2') }));
    else this.io.countExit(reason);
  }

  private want(page: number): void {
    this.wanted = { page, sinceNs: hostNowNs() };
    this.io.pages.want(page);
  }

  private handle(exit: VmExit): void {
    this.io.countExit(exit.kind);
    switch (exit.kind) {
      case 'mmio': this.access(exit); this.skip(); break;
      case 'hvc': if (!this.io.firmwareCall(this, exit.immediate)) this.call(); break;
      case 'smc': this.skip(); this.call(); break;
      case 'system-register': this.systemRegister(exit); break;
      case 'abort':
        this.io.guestError(`no emulation of the access to 0x${exit.ipa.toString(16)}`);
        this.cpu.injectExternalAbort(exit.va, exit.instruction);
        break;
      case 'unknown': this.cpu.injectUndefined(); break;
      default: exit satisfies never;
    }
  }

  private access(exit: MmioExit): void {
    if (exit.write) this.io.bus.write(exit.ipa, exit.bytes, BigInt.asUintN(8 * exit.bytes, this.cpu.x(exit.register)));
    else this.cpu.setX(exit.register, loadedValue(exit, this.io.bus.read(exit.ipa, exit.bytes)));
  }

  private skip(): void { this.cpu.pc += 4n; }

  private call(): void {
    const result = psciCall(this.io.psci, n => this.cpu.x(n));
    if (result !== 'no return') this.cpu.setX(0, result);
  }

  private systemRegister(exit: Extract<VmExit, { kind: 'system-register' }>): void {
    if (exit.at === ICC_SGI1R_EL1 && exit.write) {
      this.io.gic.sgi(this.cpu.id, this.cpu.x(exit.register));
      this.skip();
    } else {
      this.io.guestError(`no emulation of ${exit.at}`);
      this.cpu.injectUndefined();
    }
  }

  save(): VcpuState { return { on: this.on, waiting: this.waiting }; }
  restore(state: VcpuState): void {
    this.on = state.on;
    this.waiting = state.waiting;
    this.held = false;
    this.wanted = undefined;
  }
}
