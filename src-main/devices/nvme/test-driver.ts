/** A guest's NVMe driver, as small as can be, with its controller. For tests only. */
import { GuestRam } from '../../memory/guest-ram.ts';
import { TestClock } from '../../time/test-clock.ts';
import { memoryDisk } from '../memory-disk.ts';
import { Nvme } from './nvme.ts';

export const RAM = 0x4000_0000, RAM_BYTES = 0x80000, PAGE = 0x1000;
export const DISK_BYTES = 0x8000;
/** Scratch memory for data. */
export const DATA = RAM + 0x20000;
/** Entries of every queue. */
export const ENTRIES = 4;
/** The driver keeps where it is in guest memory only, so that it moves with the machine. */
const PLACES = RAM + 0x1f000, MESSAGES = RAM + 0x1e000;
export const CC = 0x14, CSTS = 0x1c;
export const ENABLED = 1 | 6 << 16 | 4 << 20;
const DOORBELLS = 0x1000;

export interface Fields { readonly op: number; readonly nsid?: number; readonly id?: number; readonly prp?: readonly number[]; readonly flags?: number; readonly dwords?: Readonly<Record<number, number>> }
export interface Answer { readonly id: number; readonly queue: number; readonly head: number; readonly status: number; readonly result: number }

export const submissions = (queue: number): number => RAM + 0x2000 * queue;
const completions = (queue: number) => submissions(queue) + PAGE;
const RIG_BYTES = RAM_BYTES + 2 * DISK_BYTES;

export class NvmeRig {
  readonly buffer = new SharedArrayBuffer(RIG_BYTES);
  readonly memory = new Uint8Array(this.buffer);
  readonly disks = [0, 1].map(n => new Uint8Array(this.buffer, RAM_BYTES + n * DISK_BYTES, DISK_BYTES));
  readonly media = this.disks.map(disk => memoryDisk(disk));
  readonly ram = new GuestRam({ buffer: this.buffer, byteOffset: 0, sizeBytes: RAM_BYTES, base: RAM });
  readonly errors: string[] = [];
  readonly nvme = new Nvme({ name: 'nvme', serial: 'S1', media: this.media, guestError: what => this.errors.push(what) });
  readonly device = this.nvme.function;
  readonly clock: TestClock;

  constructor(clock = new TestClock()) {
    this.clock = clock;
    this.device.connect({ requesterId: 8, integrated: true, dma: this.ram, changed: () => { /* nobody decodes */ } });
  }

  get(at: number, size: 1 | 2 | 4 = 4): number { return this.device.regions.bar0!.read(at, size); }
  put(at: number, value: number): void { this.device.regions.bar0!.write(at, 4, value >>> 0); }
  ring(queue: number, kind: 'submission' | 'completion', value: number): void { this.put(DOORBELLS + 8 * queue + (kind === 'submission' ? 0 : 4), value); }
  idle(): Promise<void> { return this.nvme.idle(); }

  /** Bus mastering, messages, and the admin queue. */
  start(): void {
    const config = this.device.regions.config!;
    config.write(4, 2, 6);
    for (let at = config.read(0x34, 1); at !== 0; at = config.read(at + 1, 1)) if (config.read(at, 1) === 0x11) config.write(at + 2, 2, 0x8000);
    for (let vector = 0; vector < 4; vector++) [MESSAGES + 4 * vector, 0, 100 + vector, 0].forEach((value, word) => this.device.regions.bar4!.write(16 * vector + 4 * word, 4, value));
    this.enable();
  }

  enable(): void {
    this.ram.write(RAM, new Uint8Array(0x20000));
    this.put(CC, 0);
    this.put(0x24, ENTRIES - 1 | ENTRIES - 1 << 16);
    [submissions(0), 0, completions(0), 0].forEach((value, word) => this.put(0x28 + 4 * word, value));
    this.put(CC, ENABLED);
  }

  private place(queue: number, kind: 0 | 1) { return PLACES + 8 * queue + 4 * kind; }

  /** Puts a command into a queue without telling. */
  queue(queue: number, { op, nsid = 0, id = op, prp = [0, 0], flags = 0, dwords = {} }: Fields): void {
    const entry = new DataView(new ArrayBuffer(64)), place = this.place(queue, 0), tail = this.ram.load(place, 4)!;
    [op, flags].forEach((byte, at) => entry.setUint8(at, byte));
    entry.setUint16(2, id, true);
    entry.setUint32(4, nsid, true);
    prp.forEach((pointer, n) => entry.setBigUint64(24 + 8 * n, BigInt(pointer), true));
    for (const [word, value] of Object.entries(dwords)) entry.setUint32(4 * Number(word), value, true);
    this.ram.write(submissions(queue) + 64 * tail, new Uint8Array(entry.buffer));
    this.ram.store(place, 4, (tail + 1) % ENTRIES);
  }

  /** Tells of what is in the queue. */
  tell(queue: number): void { this.ring(queue, 'submission', this.ram.load(this.place(queue, 0), 4)!); }

  submit(queue: number, fields: Fields): void {
    this.queue(queue, fields);
    this.tell(queue);
  }

  /** Takes what was completed. The place counts on through the phases. */
  reap(queue: number, isTold = true): Answer[] {
    const place = this.place(queue, 1), found: Answer[] = [];
    for (;;) {
      const count = this.ram.load(place, 4)!, at = completions(queue) + 16 * (count % ENTRIES), last = this.ram.load(at + 12, 4)!;
      if ((last >>> 16 & 1) === (Math.floor(count / ENTRIES) & 1)) break;
      found.push({ id: last & 0xffff, status: last >>> 17, result: this.ram.load(at, 4)!, head: this.ram.load(at + 8, 2)!, queue: this.ram.load(at + 10, 2)! });
      this.ram.store(place, 4, count + 1);
    }
    if (found.length > 0 && isTold) this.ring(queue, 'completion', this.ram.load(place, 4)! % ENTRIES);
    return found;
  }

  /** One command to its end: its status and its result. */
  async run(queue: number, fields: Fields): Promise<[status: number, result: number]> {
    this.submit(queue, fields);
    await this.idle();
    const [answer] = this.reap(queue);
    return answer === undefined ? [-1, 0] : [answer.status, answer.result];
  }

  async status(queue: number, fields: Fields): Promise<number> { return (await this.run(queue, fields))[0]; }

  /** Both queues of a pair, as an admin would. */
  async createPair(queue: number, vector = queue): Promise<number[]> {
    const size = queue | ENTRIES - 1 << 16;
    for (const kind of [0, 1] as const) this.ram.store(this.place(queue, kind), 4, 0);
    this.ram.write(submissions(queue), new Uint8Array(2 * PAGE));
    return [
      await this.status(0, { op: 5, prp: [completions(queue), 0], dwords: { 10: size, 11: 3 | vector << 16 } }),
      await this.status(0, { op: 1, prp: [submissions(queue), 0], dwords: { 10: size, 11: 1 | queue << 16 } }),
    ];
  }

  async startWithPairs(count: number): Promise<void> {
    this.start();
    for (let queue = 1; queue <= count; queue++) await this.createPair(queue);
  }

  /** Which vectors fired since the last call. */
  interrupts(): number[] {
    const fired = [0, 1, 2, 3].filter(vector => this.ram.load(MESSAGES + 4 * vector, 4) !== 0);
    this.ram.write(MESSAGES, new Uint8Array(16));
    return fired;
  }

  outputs(): unknown {
    const queues = [0, 1, 2].map(queue => [...this.ram.view(completions(queue), 16 * ENTRIES)!].join());
    return [queues, this.get(CSTS), this.ram.view(DATA, PAGE)!.join(), this.disks.map(disk => disk.subarray(0, PAGE).join()), [0, 1, 2, 3].map(vector => this.ram.load(MESSAGES + 4 * vector, 4))];
  }
}

/** Fields of a read or a write of whole blocks. */
export const blocks = (op: number, lba: number, count: number, prp: readonly number[], nsid = 1): Fields => ({ op, nsid, prp, dwords: { 10: lba, 12: count - 1 } });
export const READ = 2, WRITE = 1, FLUSH = 0, COMPARE = 5, WRITE_ZEROES = 8, MANAGE = 9;
