/** A guest's SCSI driver over virtio, as small as can be, with a host of three units: a disk, a CD drive and an empty one. For tests only. */
import { TestClock } from '../../time/test-clock.ts';
import { memoryDisk } from '../memory-disk.ts';
import { CDROM, DISK, ScsiUnit } from '../scsi/scsi-unit.ts';
import { VirtioScsi } from './scsi.ts';
import { DATA, RAM_BYTES, TestDriver, type Buffer } from './test-driver.ts';

export const CONTROL = 0, EVENT = 1, REQUESTS = 2, QUEUES = 6;
export const DISK_BYTES = 0x10000, CD_BYTES = 0x8000;
export const HOT_PLUG = 2;
/** Where data is; what is sent along and what comes back. */
export const OUT = DATA + 0x1000, IN = DATA + 0x8000;
/** For each head: the command and the response, or a request of the control queue and its answer. */
const HEADER = DATA, RESPONSE = DATA + 0x80, HEAD_BYTES = 0x100;
const HEADER_BYTES = 51, RESPONSE_BYTES = 108;

export interface Asked { readonly target?: number; readonly unit?: number; readonly in?: number; readonly out?: Uint8Array; readonly head?: number; readonly queue?: number; readonly tag?: number }
export interface Answer { readonly response: number; readonly status: number; readonly sense: readonly number[]; readonly residual: number; readonly data: Uint8Array }

export class ScsiRig {
  readonly buffer = new SharedArrayBuffer(RAM_BYTES + DISK_BYTES + CD_BYTES);
  readonly memory = new Uint8Array(this.buffer);
  readonly disk = new Uint8Array(this.buffer, RAM_BYTES, DISK_BYTES);
  readonly disc = new Uint8Array(this.buffer, RAM_BYTES + DISK_BYTES, CD_BYTES);
  readonly medium = memoryDisk(this.disk);
  readonly discMedium = memoryDisk(this.disc, true);
  readonly units = [
    new ScsiUnit({ type: DISK, medium: this.medium, serial: 'disk-0' }), new ScsiUnit({ type: CDROM, medium: this.discMedium, serial: 'disk-1' }), new ScsiUnit({ type: CDROM, medium: undefined, serial: 'disk-2' }),
  ] as const;
  readonly scsi: VirtioScsi;
  readonly driver: TestDriver;
  readonly clock: TestClock;

  constructor(clock = new TestClock()) {
    this.clock = clock;
    const made: VirtioScsi[] = [];
    this.driver = new TestDriver(this.buffer, dma => {
      made.push(new VirtioScsi({ dma, units: this.units }));
      return made[0]!;
    });
    this.scsi = made[0]!;
  }

  get device() { return this.driver.device; }
  get ram() { return this.driver.ram; }
  idle(): Promise<void> { return this.scsi.idle(); }

  /** Queues, and no attention of the units left. */
  async start(): Promise<void> {
    this.driver.start(HOT_PLUG, QUEUES);
    for (const target of this.units.keys()) await this.ask([0], { target });
  }

  address(target: number, unit = 0): Uint8Array { return Uint8Array.of(1, target, 0x40 | unit >> 8, unit & 0xff, 0, 0, 0, 0); }

  /** Puts a command into a queue. */
  submit(cdb: readonly number[], { target = 0, unit = 0, in: inBytes = 0, out, head = 0, queue = REQUESTS, tag = head }: Asked = {}): void {
    const header = new Uint8Array(HEADER_BYTES), at = HEADER + HEAD_BYTES * head, answer = RESPONSE + HEAD_BYTES * head;
    header.set(this.address(target, unit));
    header[8] = tag;
    header.set(cdb, 19);
    this.ram.write(at, header);
    this.ram.write(answer, new Uint8Array(RESPONSE_BYTES).fill(0xee));
    if (out !== undefined) this.ram.write(OUT, out);
    const buffers: Buffer[] = [{ address: at, length: HEADER_BYTES }, ...(out === undefined ? [] : [{ address: OUT, length: out.length }]), { address: answer, length: RESPONSE_BYTES, write: true }];
    this.driver.offer([...buffers, ...(inBytes === 0 ? [] : [{ address: IN, length: inBytes, write: true }])], head, queue);
    this.driver.notify(queue);
  }

  /** What a command ended with; undefined while it is under way. */
  answer(head = 0, inBytes = 0): Answer | undefined {
    const bytes = this.ram.view(RESPONSE + HEAD_BYTES * head, RESPONSE_BYTES)!.slice(), words = new DataView(bytes.buffer), sense = bytes.subarray(12);
    if (bytes[11] === 0xee) return undefined;
    return { response: bytes[11]!, status: bytes[10]!, residual: words.getUint32(4, true), sense: words.getUint32(0, true) === 0 ? [] : [sense[2]!, sense[12]!, sense[13]!], data: this.ram.view(IN, inBytes)!.slice() };
  }

  /** One command to its end. */
  async ask(cdb: readonly number[], asked: Asked = {}): Promise<Answer> {
    this.submit(cdb, asked);
    await this.idle();
    return this.answer(asked.head, asked.in)!;
  }

  /** What a command that works gives. */
  async data(cdb: readonly number[], length: number, asked: Asked = {}): Promise<number[]> {
    const { status, response, residual, data } = await this.ask(cdb, { ...asked, in: length });
    return response === 0 && status === 0 ? [...data.subarray(0, length - residual)] : [-1, response, status];
  }

  /** Why a command does not work. */
  async sense(cdb: readonly number[], asked: Asked = {}): Promise<readonly number[]> { return (await this.ask(cdb, asked)).sense; }

  /** Asks for task management. */
  manage(kind: number, { target = 0, tag = 0, head = 0 }: { readonly target?: number; readonly tag?: number; readonly head?: number } = {}): void {
    const bytes = new Uint8Array(24), at = OUT + 0x800 + 32 * head;
    bytes[4] = kind;
    bytes.set(this.address(target), 8);
    bytes[16] = tag;
    this.ram.write(at, bytes);
    this.ram.store(at + 24, 1, 0xee);
    this.driver.offer([{ address: at, length: 24 }, { address: at + 24, length: 1, write: true }], head, CONTROL);
    this.driver.notify(CONTROL);
  }

  managed(head = 0): number { return this.ram.load(OUT + 0x800 + 32 * head + 24, 1)!; }

  /** Gives the device a buffer for an event. */
  listen(): void {
    this.ram.write(OUT + 0x900, new Uint8Array(16));
    this.driver.offer([{ address: OUT + 0x900, length: 16, write: true }], 0, EVENT);
    this.driver.notify(EVENT);
  }

  get event(): number[] { return [this.ram.load(OUT + 0x900, 4)!, this.ram.load(OUT + 0x905, 1)!, this.ram.load(OUT + 0x90c, 4)!]; }

  outputs(): unknown {
    return [Array.from({ length: QUEUES }, (_, queue) => this.driver.used(queue)), this.driver.line, this.driver.status, [...this.ram.view(DATA, 0x800)!].join(), [...this.ram.view(OUT + 0x800, 0x200)!].join(), [...this.ram.view(IN, 0x800)!].join(), [...this.disk.subarray(0, 0x800)].join()];
  }
}
