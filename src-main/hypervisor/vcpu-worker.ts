/**
 * The thread of one vCPU. It runs turn after turn by itself, and gives the CPU back to the VM's thread when that asks for
 * it, or when the guest needs what only the hypervisor has: a device, the GIC, a reason to sleep. See docs/decisions/0006-smp.md.
 */
import { receiveMessageOnPort, workerData, type MessagePort } from 'node:worker_threads';
import { EXIT_REASONS, Machine, type Cpu, type ExitReason, type MachineOptions } from '../cpu/core/machine.ts';
import * as L from '../cpu/layout.ts';
import type { RegionModule } from '../cpu/core/translator.ts';
import { hostNowNs } from '../time/host-time.ts';
import { threadCpuNs } from '../time/thread-time.ts';
import { CounterTraps } from './counter-traps.ts';
import { SampleQueue, Sampler } from './sampler.ts';

/** What the VM's thread gives to this one. */
export interface VcpuWorkerData {
  readonly memory: WebAssembly.Memory;
  readonly options: Omit<MachineOptions, 'nowNs'>;
  readonly id: number;
  /** Records that became hot go out, modules of regions come in. */
  readonly port: MessagePort;
  /** For a profile: where samples go. */
  readonly samples: SharedArrayBuffer | undefined;
  /** By vCPU, in ns, what its thread had of a processor; each tells its own. */
  readonly cpuTimes: SharedArrayBuffer;
}

/** Instructions in a turn: some 25 microseconds, interpreted. Timers and regions are looked at between turns. */
const TURN = 10_000;
/** After so many turns the thread tells its time: half a millisecond or less, so that asking for it costs nothing. */
const TURNS_TO_TELL = 16;
/** A CPU that spins for this many WFEs or YIELDs lets others have the host's CPU, for so long. */
const PATIENCE = 50, PAUSE_MS = 0.05;
/** Fewer instructions than this between two yields are spinning. */
const SPIN = 200;

class VcpuLoop {
  private readonly machine: Machine;
  private readonly cpu: Cpu;
  private readonly port: MessagePort;
  private readonly words: Int32Array;
  private readonly mailbox: number;
  private readonly attention: number;
  private readonly sampler: Sampler | undefined;
  private readonly counterTraps: CounterTraps;
  private adopted = 0;
  private yields = 0;
  private turns = 0;
  private readonly cpuTimes: BigInt64Array;
  private readonly startedCpuNs = threadCpuNs();

  constructor({ memory, options, id, port, samples, cpuTimes }: VcpuWorkerData) {
    this.cpuTimes = new BigInt64Array(cpuTimes);
    this.machine = new Machine({ ...options, nowNs: hostNowNs }, memory);
    this.cpu = this.machine.cpus[id] as Cpu;
    this.counterTraps = new CounterTraps(this.machine);
    this.sampler = samples && new Sampler(this.cpu, new SampleQueue(samples));
    this.port = port;
    this.words = new Int32Array(memory.buffer);
    this.mailbox = L.MACHINE + L.M_MAILBOXES + id * L.MAILBOX_BYTES;
    this.attention = (L.CPU_BASE + id * L.CPU_STRIDE + L.ATTENTION) / 4;
    this.machine.translator.service = hot => port.postMessage(hot);
  }

  run(): never {
    for (;;) {
      // A notice can come after the turn that it was for: only what the word says counts.
      while (Atomics.load(this.words, this.word(L.MAILBOX_STATE)) !== L.RUNNING) Atomics.wait(this.words, this.word(L.MAILBOX_STATE), L.PARKED);
      try {
        this.park(EXIT_REASONS.indexOf(this.untilExit()));
      } catch (error) {
        this.park(L.EXIT_NONE);
        throw error;
      }
    }
  }

  private park(reason: number): void {
    Atomics.store(this.words, this.word(L.MAILBOX_REASON), reason);
    Atomics.store(this.words, this.word(L.MAILBOX_STATE), L.PARKED);
    Atomics.notify(this.words, this.word(L.MAILBOX_STATE));
    Atomics.add(this.words, (L.MACHINE + L.M_DOORBELL) / 4, 1);
    Atomics.notify(this.words, (L.MACHINE + L.M_DOORBELL) / 4);
  }

  private word(field: number): number { return (this.mailbox + field) / 4; }

  private untilExit(): ExitReason {
    const lines = this.cpu.get32(L.TIMER_MASK);
    for (;;) {
      this.adoptRegions();
      Atomics.store(this.words, this.attention, 0);
      const before = this.cpu.retired, reason = this.turn();
      this.machine.translator.request();
      if (++this.turns % TURNS_TO_TELL === 0) this.tellTime();
      const isPerformed = reason === 'el2' && this.counterTraps.perform(this.cpu);
      if (reason !== 'budget' && reason !== 'yield' && !isPerformed) return reason;
      if (Atomics.load(this.words, this.word(L.MAILBOX_KICK)) !== 0 || this.cpu.timerOutputs !== lines) return 'budget';
      if (reason === 'yield') this.yielded(this.cpu.retired - before);
    }
  }

  private tellTime(): void { Atomics.store(this.cpuTimes, this.cpu.id, BigInt(threadCpuNs() - this.startedCpuNs)); }

  private turn(): ExitReason {
    const { sampler } = this;
    return sampler === undefined ? this.cpu.runShared(TURN, this.ready) : sampler.turn(TURN, budget => this.cpu.runShared(budget, this.ready));
  }

  /** Whether a turn may begin: nobody wants the CPU, and it has every region that it may meet. */
  private readonly ready = () => Atomics.load(this.words, this.word(L.MAILBOX_KICK)) === 0 && this.adopted === this.published;

  private get published(): number { return Atomics.load(this.words, (L.MACHINE + L.M_REGIONS) / 4); }

  private adoptRegions(): void {
    while (this.adopted !== this.published) {
      const received = receiveMessageOnPort(this.port);
      if (received === undefined) throw new Error('a module of regions was published and not sent');
      this.machine.translator.adopt(received.message as RegionModule);
      this.adopted = (this.adopted + 1) | 0;
    }
  }

  /** Whoever it waits for may need the host's CPU that this thread has. */
  private yielded(instructions: number): void {
    this.yields = instructions < SPIN ? this.yields + 1 : 0;
    if (this.yields >= PATIENCE) Atomics.wait(this.words, this.attention, 0, PAUSE_MS);
  }
}

new VcpuLoop(workerData as VcpuWorkerData).run();
