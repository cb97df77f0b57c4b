/** Virtio over MMIO (virtio 1.2, 4.2), version 2: wraps any core. */
import type { Dma } from '../../memory/dma.ts';
import type { GuestErrorSink, Region } from '../../memory/region.ts';
import { constant, registerFrame, type Device, type Line, type Register } from '../device.ts';
import type { VirtioCore } from './virtio-core.ts';
import { VirtioFunction, type VirtioFunctionState } from './virtio-function.ts';
import type { Virtqueue } from './virtqueue.ts';

const MAGIC = 0x74726976;          // 'virt'
const VENDOR = 0x554d4551;         // 'QEMU', since the board is its `virt`
const CONFIG_WORDS = 64;

type Area = 'descriptors' | 'driver' | 'device';
const area = (at: number, name: string, which: Area): Register<VirtioMmio> => ({
  at, name, count: 2, write: (d, value, word) => d.configure((queue) => { queue.state[which][word] = value; }),
});

const REGISTERS: readonly Register<VirtioMmio>[] = [
  constant(0x000, 'MagicValue', MAGIC),
  constant(0x004, 'Version', 2),
  { at: 0x008, name: 'DeviceID', read: (d) => d.function.core.deviceId },
  constant(0x00c, 'VendorID', VENDOR),
  { at: 0x010, name: 'DeviceFeatures', read: (d) => d.function.offered[d.selected.deviceFeatures] ?? 0 },
  { at: 0x014, name: 'DeviceFeaturesSel', write: (d, value) => { d.selected.deviceFeatures = value; } },
  { at: 0x020, name: 'DriverFeatures', write: (d, value) => d.setDriverFeatures(value) },
  { at: 0x024, name: 'DriverFeaturesSel', write: (d, value) => { d.selected.driverFeatures = value; } },
  { at: 0x030, name: 'QueueSel', write: (d, value) => { d.selected.queue = value; } },
  { at: 0x034, name: 'QueueNumMax', read: (d) => d.queue?.maxSize ?? 0 },
  { at: 0x038, name: 'QueueNum', write: (d, value) => d.setQueueSize(value) },
  { at: 0x044, name: 'QueueReady', read: (d) => Number(d.queue?.state.ready ?? false), write: (d, value) => d.setQueueReady((value & 1) !== 0) },
  { at: 0x050, name: 'QueueNotify', write: (d, value) => d.function.notify(value) },
  { at: 0x060, name: 'InterruptStatus', read: (d) => d.function.interrupts },
  { at: 0x064, name: 'InterruptACK', write: (d, value) => d.function.acknowledge(value) },
  { at: 0x070, name: 'Status', read: (d) => d.function.status, write: (d, value) => d.setStatus(value & 0xff) },
  area(0x080, 'QueueDesc', 'descriptors'),
  area(0x090, 'QueueDriver', 'driver'),
  area(0x0a0, 'QueueDevice', 'device'),
  // No shared memory regions: their length reads as all ones.
  { at: 0x0ac, name: 'SHMSel', write: () => {} },
  { at: 0x0b0, name: 'SHMLen and SHMBase', count: 4, read: () => 0xffff_ffff },
  { at: 0x0fc, name: 'ConfigGeneration', read: (d) => d.function.configGeneration },
  { at: 0x100, name: 'Config', count: CONFIG_WORDS, byLane: true, read: (d, index) => d.configWord(index), write: (d, value, index) => d.setConfigWord(index, value) },
];

interface Selected { deviceFeatures: number; driverFeatures: number; queue: number }
const nothingSelected = (): Selected => ({ deviceFeatures: 0, driverFeatures: 0, queue: 0 });

export interface VirtioMmioState { selected: Selected; function: VirtioFunctionState; core: unknown }

export interface VirtioMmioIo {
  /** Tells devices of the same kind apart. */
  readonly name: string;
  readonly core: VirtioCore<unknown>;
  readonly dma: Dma;
  readonly line: Line;
  readonly guestError: GuestErrorSink;
}

export class VirtioMmio implements Device<VirtioMmioState> {
  readonly name: string;
  readonly regions: { readonly registers: Region };
  readonly function: VirtioFunction;
  selected = nothingSelected();
  private readonly guestError: GuestErrorSink;

  constructor(io: VirtioMmioIo) {
    this.name = io.name;
    this.guestError = (what) => io.guestError(`${io.name}: ${what}`);
    this.function = new VirtioFunction(io.core, {
      dma: io.dma, guestError: this.guestError, interrupt: () => { /* the line says it */ }, interruptsChanged: () => io.line.set(this.function.interrupts !== 0),
    });
    this.regions = { registers: registerFrame(this, REGISTERS, io.guestError) };
  }

  get queue(): Virtqueue | undefined { return this.function.queues[this.selected.queue]; }

  setDriverFeatures(bits: number): void {
    const word = this.selected.driverFeatures;
    if (word === 0 || word === 1) this.function.setDriverFeatures(word, bits);
    else if (bits !== 0) this.guestError('accepted features that do not exist');
  }

  /** A queue is set up while it is not ready. */
  configure(change: (queue: Virtqueue) => void): void {
    if (this.queue === undefined || this.queue.state.ready) return this.guestError('set up a queue that is missing or ready');
    change(this.queue);
  }

  setQueueSize(size: number): void {
    this.configure((queue) => {
      if (size > queue.maxSize || (size & (size - 1)) !== 0) return this.guestError(`a queue cannot have ${size} entries`);
      queue.state.size = size;
    });
  }

  setQueueReady(ready: boolean): void {
    if (!ready) this.queue?.reset();
    else this.configure((queue) => { queue.state.ready = queue.state.size > 0; });
  }

  setStatus(value: number): void {
    if (value === 0) this.selected = nothingSelected();
    this.function.setStatus(value);
  }

  configWord(index: number): number {
    const { config } = this.function.core;
    return [3, 2, 1, 0].reduce((word, byte) => word << 8 | (config[4 * index + byte] ?? 0), 0);
  }

  setConfigWord(index: number, value: number): void {
    const { core } = this.function;
    if (core.configure === undefined) this.guestError('wrote to a configuration that is read-only');
    else core.configure(4 * index, 4, value);
  }

  reset(): void {
    this.setStatus(0);
    this.function.core.reset();
  }

  save(): VirtioMmioState {
    return { selected: { ...this.selected }, function: this.function.save(), core: this.function.core.save() };
  }

  restore(state: VirtioMmioState): void {
    this.selected = { ...state.selected };
    this.function.restore(state.function);
    this.function.core.restore(state.core);
  }
}
