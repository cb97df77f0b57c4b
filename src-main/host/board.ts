/** One machine's board, as guests made for QEMU's `virt` know it: its devices, wired by hand to the bus and the GIC. */
import { assert } from '../../shared/base/errors.ts';
import type { Ipa } from '../../shared/base/ids.ts';
import type { Device, Line } from '../devices/device.ts';
import { Gic } from '../devices/gic/gic.ts';
import { REDISTRIBUTOR_SIZE } from '../devices/gic/redistributor.ts';
import { Pl061 } from '../devices/gpio/pl061.ts';
import { PowerButton } from '../devices/gpio/power-button.ts';
import { Pl031 } from '../devices/rtc/pl031.ts';
import { Pl011 } from '../devices/uart/pl011.ts';
import { VirtioBlock } from '../devices/virtio/block.ts';
import { VirtioConsole } from '../devices/virtio/console.ts';
import { VirtioMmio } from '../devices/virtio/mmio.ts';
import { VirtioRng } from '../devices/virtio/rng.ts';
import { VirtioNet, type VirtioNetIo } from '../devices/virtio/net.ts';
import type { VirtioCore } from '../devices/virtio/virtio-core.ts';
import {
  GIC_DISTRIBUTOR, GIC_ITS, GIC_REDISTRIBUTORS, GPIO, POWER_BUTTON_PIN, PPI, RTC, UART, VIRTIO_SLOTS, virtioSlot,
} from '../firmware/board-map.ts';
import type { BootRange } from '../firmware/boot.ts';
import { deviceTree } from '../firmware/device-tree.ts';
import { Bus } from '../memory/bus.ts';
import type { GuestRam } from '../memory/guest-ram.ts';
import type { Region } from '../memory/region.ts';
import type { BlockBackend } from '../storage/block-backend.ts';
import type { Clock } from '../time/clock.ts';
import { ConsoleFlow } from './console-flow.ts';

const RNG_SEED_BYTES = 32;

export interface BoardIo {
  readonly ram: GuestRam;
  readonly clock: Clock;
  readonly cpus: number;
  readonly disks: readonly BlockBackend[];
  readonly nics?: readonly Omit<VirtioNetIo, 'dma'>[];
  /** Milliseconds since 1970 in the outside world. */
  readonly wallMs: () => number;
  readonly random: (length: number) => Uint8Array;
  /** Takes what the guest prints on its serial port. */
  readonly consoleOutput: (byte: number) => void;
  /** Takes what it prints on a virtio console; without it there is none. */
  readonly virtioConsoleOutput?: (bytes: Uint8Array) => void;
  /** The guest's UART never waits for the console's reader: whoever runs the machine stops it while `consoleReady` is false. */
  readonly hidesConsoleFlow?: boolean;
  /** A vCPU has something new to hear of: it has to be flushed again, or woken. */
  readonly kick: (cpu: number) => void;
  /** See `GicIo`. */
  readonly settle?: () => void;
}

/** What every device of a machine saved, by its name. */
export type BoardState = Readonly<Record<string, unknown>>;

/** A CPU's own interrupts, which the CPU drives. */
export interface CpuLines { readonly virtualTimer: Line; readonly physicalTimer: Line; readonly maintenance: Line; readonly pmu: Line }

export class Board {
  readonly bus: Bus<Ipa>;
  readonly gic: Gic;
  readonly uart: Pl011;
  readonly rtc: Pl031;
  readonly gpio: Pl061;
  /** In the order of their slots: disks, entropy, console, NICs. */
  readonly virtio: readonly VirtioMmio[];
  readonly virtioConsole: VirtioConsole | undefined;
  readonly nics: readonly VirtioNet[];
  /** All that has state, in the order in which it is restored. */
  readonly devices: readonly Device<unknown>[];
  readonly cpuLines: readonly CpuLines[];
  readonly guestErrors = { count: 0, last: '' };
  private readonly io: BoardIo;
  private readonly blocks: readonly VirtioBlock[];
  private readonly button: PowerButton;
  private readonly flow = new ConsoleFlow(() => this.passConsoleFlow());

  constructor(io: BoardIo) {
    this.io = io;
    const { ram: dma, clock, cpus, disks } = io;
    const guestError = (what: string) => { this.guestErrors.count++; this.guestErrors.last = what; };
    this.bus = new Bus(guestError);
    this.gic = new Gic({ cpus, dma, kick: io.kick, ...(io.settle && { settle: io.settle }), guestError });
    this.uart = new Pl011({ line: this.gic.spi(UART.spi), transmit: (byte) => this.print(byte), guestError });
    this.rtc = new Pl031({ line: this.gic.spi(RTC.spi), clock, wallMs: io.wallMs, guestError });
    this.gpio = new Pl061({ line: this.gic.spi(GPIO.spi), guestError });
    this.button = new PowerButton({ clock, pin: this.gpio.pin(POWER_BUTTON_PIN) });

    this.blocks = disks.map((medium, n) => new VirtioBlock({ dma, medium, serial: `disk-${n}` }));
    this.virtioConsole = io.virtioConsoleOutput === undefined ? undefined : new VirtioConsole({ dma, transmit: io.virtioConsoleOutput });
    this.nics = (io.nics ?? []).map(nic => new VirtioNet({ ...nic, dma }));
    const cores: VirtioCore<unknown>[] = [...this.blocks, new VirtioRng({ dma, random: io.random }), ...(this.virtioConsole ? [this.virtioConsole] : []), ...this.nics];
    assert(cores.length <= VIRTIO_SLOTS, 'every virtio device has a slot');
    this.virtio = cores.map((core, slot) =>
      new VirtioMmio({ name: `virtio${slot}`, core, dma, line: this.gic.spi(virtioSlot(slot).spi), guestError }));

    this.cpuLines = Array.from({ length: cpus }, (_, cpu) => this.linesOf(cpu));
    this.devices = [this.gic, this.uart, this.rtc, this.gpio, this.button, ...this.virtio];
    this.mapAll();
  }

  /** Something typed at the serial port. */
  type(bytes: Uint8Array): void { this.uart.type(bytes); }

  /** The reader took this much of the serial output; the guest's UART waits when too much is on its way. */
  acknowledgeConsole(bytes: number): void { this.flow.acknowledged(bytes); }

  /** The console's reader has room for more. */
  get consoleReady(): boolean { return this.flow.ready; }

  /** Takes and gives what is in the NICs' rings. */
  pollNics(): void { for (const nic of this.nics) nic.poll(); }

  powerButton(): void { this.button.press(); }

  deviceTree(options: { readonly bootargs?: string; readonly initrd?: BootRange; readonly pmu?: boolean } = {}): Uint8Array {
    const { cpus, ram } = this.io;
    return deviceTree({
      ...options, cpus, memoryBytes: ram.sizeBytes, virtioSlots: this.virtio.map((_, slot) => slot), rngSeed: this.io.random(RNG_SEED_BYTES),
    });
  }

  /** As after power-on. RAM and CPUs are not the board's. */
  reset(): void {
    for (const device of this.devices) device.reset();
    this.passConsoleFlow();
  }

  /** Resolves when no disk has anything under way. */
  async disksIdle(): Promise<void> { await Promise.all(this.blocks.map((block) => block.idle())); }

  /** Every vCPU is synced, so that no interrupt is in a list register. */
  save(): BoardState { return Object.fromEntries(this.devices.map((device) => [device.name, device.save()])); }

  restore(state: BoardState): void {
    for (const device of this.devices) {
      assert(device.name in state, `the saved state has a ${device.name}`);
      device.restore(state[device.name]);
    }
    this.passConsoleFlow();
  }

  private passConsoleFlow() { if (!this.io.hidesConsoleFlow) this.uart.setTransmitReady(this.flow.ready); }

  private print(byte: number) {
    this.flow.sent(1);
    this.io.consoleOutput(byte);
  }

  private linesOf(cpu: number): CpuLines {
    return {
      virtualTimer: this.gic.ppi(cpu, PPI.virtualTimer), physicalTimer: this.gic.ppi(cpu, PPI.physicalTimer),
      maintenance: this.gic.ppi(cpu, PPI.maintenance), pmu: this.gic.ppi(cpu, PPI.pmu),
    };
  }

  private mapAll() {
    const map = ({ base, size }: { readonly base: number; readonly size: number }, region: Region) => this.bus.map(base as Ipa, size, region);
    map(GIC_DISTRIBUTOR, this.gic.regions.distributor);
    map(GIC_ITS, this.gic.regions.its);
    map({ base: GIC_REDISTRIBUTORS.base, size: this.io.cpus * REDISTRIBUTOR_SIZE }, this.gic.regions.redistributors);
    map(UART, this.uart.regions.registers);
    map(RTC, this.rtc.regions.registers);
    map(GPIO, this.gpio.regions.registers);
    this.virtio.forEach((device, slot) => map(virtioSlot(slot), device.regions.registers));
  }
}
