/**
 * Samples of where a vCPU is, for profiles. The thread that runs a vCPU takes one every 20,000 instructions or so, when a
 * turn is over, that is at a taken branch; the VM's thread collects them from memory that both share.
 */
import type { Cpu } from '../cpu/core/machine.ts';
import { hostNowNs } from '../time/host-time.ts';

/** Instructions from one sample to the next: in between, and irregular, so that a loop of the guest does not keep step. */
const INTERVAL = { least: 15_000, most: 25_000 };

/** A place, and what was spent since the last one. */
export interface Sample {
  readonly pc: bigint;
  readonly el: number;
  /** Where the instruction lies in the machine's memory; 0 when its page is not mapped. */
  readonly host: number;
  readonly instructions: number;
  /** Time for which the vCPU had its thread, in ns of the host. */
  readonly ns: number;
}

const CAPACITY = 1024, FIELDS = 5, HEAD_BYTES = 8, WRITTEN = 0, READ = 1;

/** A queue of samples with one writer and one reader, who may be in two threads. */
export class SampleQueue {
  readonly buffer: SharedArrayBuffer;
  private readonly counts: Int32Array;
  /** The first field of a sample is its address, the others are doubles. */
  private readonly addresses: BigUint64Array;
  private readonly fields: Float64Array;

  constructor(buffer = new SharedArrayBuffer(HEAD_BYTES + CAPACITY * FIELDS * 8)) {
    this.buffer = buffer;
    this.counts = new Int32Array(buffer, 0, 2);
    this.addresses = new BigUint64Array(buffer, HEAD_BYTES);
    this.fields = new Float64Array(buffer, HEAD_BYTES);
  }

  private get length(): number { return (Atomics.load(this.counts, WRITTEN) - Atomics.load(this.counts, READ)) | 0; }

  /** False when it is full. */
  push({ pc, el, host, instructions, ns }: Sample): boolean {
    if (this.length === CAPACITY) return false;
    const { fields } = this, at = this.placeOf(Atomics.load(this.counts, WRITTEN));
    this.addresses[at] = pc;
    fields[at + 1] = el;
    fields[at + 2] = host;
    fields[at + 3] = instructions;
    fields[at + 4] = ns;
    Atomics.add(this.counts, WRITTEN, 1);
    return true;
  }

  shift(): Sample | undefined {
    if (this.length === 0) return undefined;
    const at = this.placeOf(Atomics.load(this.counts, READ)), field = (n: number) => this.fields[at + n] as number;
    const sample = { pc: this.addresses[at] as bigint, el: field(1), host: field(2), instructions: field(3), ns: field(4) };
    Atomics.add(this.counts, READ, 1);
    return sample;
  }

  private placeOf(count: number): number { return (count & (CAPACITY - 1)) * FIELDS; }
}

export class Sampler {
  private readonly cpu: Cpu;
  private readonly queue: SampleQueue;
  private instructions = 0;
  private ns = 0;
  private interval = INTERVAL.least;
  private random = 1;

  constructor(cpu: Cpu, queue: SampleQueue) {
    this.cpu = cpu;
    this.queue = queue;
  }

  /** Has a turn of at most `longest` instructions run, shorter when a sample is due earlier, unless the turn `isExact`. */
  turn<T>(longest: number, run: (budget: number) => T, isExact = false): T {
    const budget = isExact ? longest : Math.min(longest, Math.max(1, this.interval - this.instructions));
    const before = this.cpu.retired, startedNs = hostNowNs(), result = run(budget);
    this.ns += hostNowNs() - startedNs;
    this.instructions += Math.max(0, this.cpu.retired - before);
    if (this.instructions >= this.interval) this.take();
    return result;
  }

  /** When the queue is full, what was spent counts for the next sample. */
  private take(): void {
    const { cpu, instructions, ns } = this;
    if (!this.queue.push({ pc: cpu.pc, el: cpu.el, host: cpu.codeAddress, instructions, ns })) return;
    this.instructions = 0;
    this.ns = 0;
    this.random = (Math.imul(this.random, 1_664_525) + 1_013_904_223) >>> 0;
    this.interval = INTERVAL.least + (this.random >>> 8) % (INTERVAL.most - INTERVAL.least);
  }
}
