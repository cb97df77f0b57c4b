/** A guest's virtio-mmio driver, as small as can be. For tests only. */
import { GuestRam } from '../../memory/guest-ram.ts';
import { VirtioMmio, type VirtioMmioIo } from './mmio.ts';
import type { VirtioCore } from './virtio-core.ts';

export const RAM = 0x4000_0000;
export const RAM_BYTES = 0x40000;
export const QUEUE_SIZE = 8;
/** Scratch memory for buffers; queue n is at RAM + n * 0x1000. */
export const DATA = RAM + 0x8000;

const NEXT = 1, WRITE = 2;
const Q_SEL = 0x30, Q_NUM = 0x38, Q_READY = 0x44, NOTIFY = 0x50, ISR = 0x60, ACK = 0x64, STATUS = 0x70;
export const EVENT_INDEX = 1 << 29;

export interface Buffer { readonly address: number; readonly length: number; readonly write?: boolean }

export class TestDriver {
  readonly ram: GuestRam;
  readonly device: VirtioMmio;
  readonly errors: string[] = [];
  line = false;

  /** The driver keeps its indexes in guest memory only, so that it moves with the machine. */
  constructor(memory: SharedArrayBuffer, core: (dma: GuestRam) => VirtioCore<unknown>, options: Partial<VirtioMmioIo> = {}) {
    this.ram = new GuestRam({ buffer: memory, byteOffset: 0, sizeBytes: RAM_BYTES, base: RAM });
    this.device = new VirtioMmio({
      name: 'virtio0', core: core(this.ram), dma: this.ram, line: { set: (level) => { this.line = level; } },
      guestError: (what) => this.errors.push(what), ...options,
    });
  }

  get(at: number): number { return this.device.regions.registers.read(at, 4); }
  put(at: number, value: number): void { this.device.regions.registers.write(at, 4, value); }

  static queue(n: number) {
    const base = RAM + n * 0x1000;
    return { descriptors: base, driver: base + 0x400, device: base + 0x800 };
  }

  start(features = 0, queues = 1): void {
    this.put(STATUS, 0);
    for (let n = 0; n < queues; n++) this.ram.write(TestDriver.queue(n).descriptors, new Uint8Array(0x1000));
    this.put(STATUS, 3);
    this.put(0x24, 0);
    this.put(0x20, features >>> 0);
    this.put(0x24, 1);
    this.put(0x20, 1);
    this.put(STATUS, 11);
    for (let n = 0; n < queues; n++) this.setUpQueue(n);
    this.put(STATUS, 15);
  }

  private setUpQueue(n: number) {
    const { descriptors, driver, device } = TestDriver.queue(n);
    this.put(Q_SEL, n);
    this.put(Q_NUM, QUEUE_SIZE);
    this.put(0x80, descriptors);
    this.put(0x90, driver);
    this.put(0xa0, device);
    this.put(Q_READY, 1);
  }

  descriptor(at: number, { address, length, write }: Buffer, next?: number, flags = 0): void {
    this.ram.store(at, 4, address);
    this.ram.store(at + 4, 4, Math.floor(address / 2 ** 32));
    this.ram.store(at + 8, 4, length);
    this.ram.store(at + 12, 2, (next === undefined ? 0 : NEXT) | (write ? WRITE : 0) | flags);
    this.ram.store(at + 14, 2, next ?? 0);
  }

  /** Makes buffers available as one chain that starts at descriptor `head`. */
  offer(buffers: readonly Buffer[], head = 0, queue = 0): void {
    const { descriptors } = TestDriver.queue(queue);
    buffers.forEach((buffer, n) => this.descriptor(descriptors + 16 * (head + n), buffer, n + 1 < buffers.length ? head + n + 1 : undefined));
    this.makeAvailable(head, queue);
  }

  makeAvailable(head: number, queue = 0): void {
    const { driver } = TestDriver.queue(queue);
    const index = this.ram.load(driver + 2, 2)!;
    this.ram.store(driver + 4 + 2 * (index % QUEUE_SIZE), 2, head);
    this.ram.store(driver + 2, 2, index + 1);
  }

  notify(queue = 0): void { this.put(NOTIFY, queue); }

  /** What the device gave back so far. */
  used(queue = 0): { head: number; written: number }[] {
    const { device } = TestDriver.queue(queue);
    return Array.from({ length: this.ram.load(device + 2, 2)! }, (_, n) => {
      const at = device + 4 + 8 * (n % QUEUE_SIZE);
      return { head: this.ram.load(at, 4)!, written: this.ram.load(at + 4, 4)! };
    });
  }

  text(address: number, length: number): string { return new TextDecoder().decode(this.ram.view(address, length)!.slice()); }
  fill(address: number, text: string): void { this.ram.write(address, new TextEncoder().encode(text)); }
  get status(): number { return this.get(STATUS); }
  get interrupts(): number { return this.get(ISR); }
  acknowledge(): void { this.put(ACK, this.interrupts); }
}
