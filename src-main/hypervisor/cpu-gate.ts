/**
 * How much host CPU a VM may use, in memory that the engine and the VM's worker share. The engine grants time, the VM uses it
 * up; both are totals since power-on, so that what one took too much of is missing from what comes next.
 */

const USED = 0, WANTED = 1, GRANTED = 2, WORDS = 3;
const OPEN = -1n;

export class CpuGate {
  readonly buffer: SharedArrayBuffer;
  private readonly words: BigInt64Array;
  /** Counts what the engine granted; what a VM that used all up waits for. */
  private readonly grants: Int32Array;

  /** Without a buffer, a new gate that is open. */
  constructor(buffer = new SharedArrayBuffer(8 * WORDS + 8)) {
    this.buffer = buffer;
    this.words = new BigInt64Array(buffer, 0, WORDS);
    this.grants = new Int32Array(buffer, 8 * WORDS, 1);
    if (this.grants[0] === 0) this.open();
  }

  /** Time of processors of the engine's machine that the VM's vCPUs had. */
  get usedNs(): number { return Number(Atomics.load(this.words, USED)); }
  /** The same if they never had to wait for the gate or for another process. */
  get wantedNs(): number { return Number(Atomics.load(this.words, WANTED)); }
  /** May be negative; infinite while the gate is open. */
  get leftNs(): number {
    const granted = Atomics.load(this.words, GRANTED);
    return granted === OPEN ? Infinity : Number(granted) - this.usedNs;
  }

  /** The VM may use as much as it likes. */
  open(): void { this.grant(OPEN); }
  /** The VM may use so much since power-on. */
  allow(totalNs: number): void { this.grant(BigInt(Math.max(0, Math.round(totalNs)))); }

  private grant(total: bigint): void {
    Atomics.store(this.words, GRANTED, total);
    Atomics.add(this.grants, 0, 1);
    Atomics.notify(this.grants, 0);
  }

  /** Called by the VM alone. */
  account(usedNs: number, wantedNs: number): void {
    Atomics.add(this.words, USED, BigInt(Math.round(usedNs)));
    Atomics.add(this.words, WANTED, BigInt(Math.round(wantedNs)));
  }

  /** Resolves at the next grant. */
  async granted(): Promise<void> { await Atomics.waitAsync(this.grants, 0, Atomics.load(this.grants, 0)).value; }
}
