/** One machine's board, as guests made for QEMU's `virt` know it: its devices, wired by hand to the bus and the GIC. */
import { assert, EngineError } from '../../shared/base/errors.ts';
import { VM_LIMITS, type DiskBus, type VirtioBus } from '../../shared/model/vm.ts';
import type { Ipa } from '../../shared/base/ids.ts';
import { say } from '../../shared/base/phrase.ts';
import { configurationFor, type DisplaySpec } from '../../shared/model/display.ts';
import type { Device, Line } from '../devices/device.ts';
import { CfiFlash, type CfiFlashIo } from '../devices/flash/cfi-flash.ts';
import { FwCfg } from '../devices/fw-cfg/fw-cfg.ts';
import type { ConfigFile } from '../devices/fw-cfg/items.ts';
import { Gic } from '../devices/gic/gic.ts';
import { REDISTRIBUTOR_SIZE } from '../devices/gic/redistributor.ts';
import { Nvme } from '../devices/nvme/nvme.ts';
import { Pl061 } from '../devices/gpio/pl061.ts';
import { PowerButton } from '../devices/gpio/power-button.ts';
import type { PciFunction } from '../devices/pci/pci-function.ts';
import { FIRST_PORT, PciHost } from '../devices/pci/pci-host.ts';
import { Pl031 } from '../devices/rtc/pl031.ts';
import { CDROM, DISK, ScsiUnit } from '../devices/scsi/scsi-unit.ts';
import { Smmu } from '../devices/smmu/smmu.ts';
import { Pl011 } from '../devices/uart/pl011.ts';
import { VirtioBalloon } from '../devices/virtio/balloon.ts';
import { VirtioBlock, type BlockMedium } from '../devices/virtio/block.ts';
import { VirtioConsole } from '../devices/virtio/console.ts';
import { VirtioGpu } from '../devices/virtio/gpu.ts';
import type { InputKindName } from '../devices/virtio/input-kinds.ts';
import { VirtioInput } from '../devices/virtio/input.ts';
import { VirtioMmio } from '../devices/virtio/mmio.ts';
import { VirtioPci } from '../devices/virtio/pci.ts';
import { VirtioRng } from '../devices/virtio/rng.ts';
import { VirtioNet, type VirtioNetIo } from '../devices/virtio/net.ts';
import { SbsaGwdt, type SbsaGwdtIo } from '../devices/watchdog/sbsa-gwdt.ts';
import { VirtioScsi } from '../devices/virtio/scsi.ts';
import type { VirtioCore } from '../devices/virtio/virtio-core.ts';
import { acpiTables } from '../firmware/acpi/convert.ts';
import { loaderFiles } from '../firmware/acpi/loader.ts';
import {
  FLASH, FW_CFG, GIC_DISTRIBUTOR, GIC_ITS, GIC_REDISTRIBUTORS, GPIO, PCI_ECAM, PCI_IO, PCI_WINDOW, POWER_BUTTON_PIN, PPI, RESTART_BUTTON_PIN, RTC, SMMU, UART, VIRTIO_SLOTS, virtioSlot, WATCHDOG,
} from '../firmware/board-map.ts';
import type { Surface } from '../display/screen-messages.ts';
import type { BootRange } from '../firmware/boot.ts';
import { deviceTree, type FramebufferPlace } from '../firmware/device-tree.ts';
import { smbiosFiles, type SmbiosFacts } from '../firmware/smbios.ts';
import { Bus } from '../memory/bus.ts';
import type { GuestRam } from '../memory/guest-ram.ts';
import type { Dma } from '../memory/dma.ts';
import type { GuestErrorSink, Region } from '../memory/region.ts';
import type { Clock } from '../time/clock.ts';
import { ConsoleFlow } from './console-flow.ts';
import { BoardDisplay, framebufferIn } from './display.ts';
import { firmwareDisks, slotDisk } from './firmware-disks.ts';
import type { FirmwareDisk } from '../firmware/uefi/disks.ts';
import { RequesterMemory } from './requester-memory.ts';

const RNG_SEED_BYTES = 32;
/** PCI slots that take devices at run time. */
export const PCI_SLOTS = VM_LIMITS.hotPlugSlots;
/** The slot after those, where there is a display: of what its guest points with. */
const POINTER_SLOT = PCI_SLOTS;
/** Longer than a guest takes to let go of a device: pciehp waits for 5 s after the button is pressed. */
const PULL_AFTER_NS = 30e9;

/** Reads of ports that nobody has. */
const NO_PORTS: Region = { read: (_, size) => (size === 4 ? 0xffff_ffff : (1 << 8 * size) - 1), write: () => {} };

/** `nvme` disks are namespaces of one controller, `scsi` ones and CD drives, which may be empty, targets of another; `virtio` ones have a function each. */
export type BoardDisk = { readonly medium: BlockMedium; readonly bus: DiskBus | 'virtio-mmio' } | { readonly medium: BlockMedium | undefined; readonly bus: 'cdrom' };

export interface BoardIo {
  readonly ram: GuestRam;
  readonly clock: Clock;
  readonly cpus: number;
  readonly disks: readonly BoardDisk[];
  /** Whether an SMMU is between PCI and memory; there is none when absent. */
  readonly iommu?: boolean;
  /** Where entropy, console and balloon are; on virtio-mmio when absent. */
  readonly virtioBus?: VirtioBus;
  readonly nics?: readonly Omit<VirtioNetIo, 'dma'>[];
  /** With keyboard and pointer; none when absent. */
  readonly display?: DisplaySpec;
  /** Banks of flash; none without firmware. */
  readonly flash?: readonly Pick<CfiFlashIo, 'contents' | 'readOnly' | 'showsArray' | 'changed'>[];
  /** The machine's own, in the usual form of 36 characters; all zeros when absent. */
  readonly uuid?: string;
  /** Firmware offers the device tree only, and no ACPI tables. */
  readonly withoutAcpi?: boolean;
  /** What a watchdog counts, and what resets the machine for it; there is none without. */
  readonly watchdog?: Pick<SbsaGwdtIo, 'counter' | 'ws1' | 'revision'> | undefined;
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

const NO_UUID = '00000000-0000-0000-0000-000000000000';

interface TreeOptions { readonly bootargs?: string; readonly initrd?: BootRange; readonly pmu?: boolean; readonly virtualTimerHidden?: boolean }

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
  readonly flash: readonly CfiFlash[];
  /** Where there is flash. */
  readonly fwCfg: FwCfg | undefined;
  readonly watchdog: SbsaGwdt | undefined;
  readonly smmu: Smmu | undefined;
  readonly pci: PciHost<Ipa>;
  /** In the order of their slots: disks that are not on PCI, entropy, console, balloon. */
  readonly virtio: readonly VirtioMmio[];
  readonly balloon: VirtioBalloon;
  readonly virtioConsole: VirtioConsole | undefined;
  readonly cdDrives: readonly ScsiUnit[];
  /** By name: `nic-0` and on of those on bus 0, `slot-0` and on of those in hot-plug slots. */
  readonly nics = new Map<string, VirtioNet>();
  readonly display: BoardDisplay | undefined;
  readonly cpuLines: readonly CpuLines[];
  readonly guestErrors = { count: 0, last: '' };
  private readonly io: BoardIo;
  /** Whatever has requests under way. */
  private readonly working: { idle(): Promise<void> }[] = [];
  private readonly ejections = new Map<PciFunction, () => void>();
  private readonly framebuffer: FramebufferPlace | undefined;
  private readonly fixedDisks: readonly FirmwareDisk[];
  private readonly slotDisks: FirmwareDisk[] = [];
  private readonly button: PowerButton;
  private readonly restart: PowerButton;
  private readonly flow = new ConsoleFlow(() => this.passConsoleFlow());

  constructor(io: BoardIo) {
    this.io = io;
    const { ram: dma, clock, cpus, disks } = io;
    const guestError = (what: string) => this.countError(what);
    this.bus = new Bus(guestError);
    this.gic = new Gic({ cpus, dma, kick: io.kick, ...(io.settle && { settle: io.settle }), guestError });
    this.uart = new Pl011({ line: this.gic.spi(UART.spi), transmit: (byte) => this.print(byte), guestError });
    this.rtc = new Pl031({ line: this.gic.spi(RTC.spi), clock, wallMs: io.wallMs, guestError });
    this.gpio = new Pl061({ line: this.gic.spi(GPIO.spi), guestError });
    this.button = new PowerButton({ clock, pin: this.gpio.pin(POWER_BUTTON_PIN) });
    this.restart = new PowerButton({ name: 'restart-button', clock, pin: this.gpio.pin(RESTART_BUTTON_PIN) });

    this.watchdog = io.watchdog && new SbsaGwdt({ ...io.watchdog, clock, ws0: this.gic.spi(WATCHDOG.spi), guestError });
    this.flash = (io.flash ?? []).map((bank, n) => new CfiFlash({ ...bank, name: `flash${n}`, guestError }));
    this.fwCfg = this.flash.length > 0 ? new FwCfg({ dma, cpus, files: () => this.firmwareFiles(), guestError }) : undefined;
    this.smmu = io.iommu ? this.buildSmmu(guestError) : undefined;
    this.pci = new PciHost({
      bus: this.bus, window: PCI_WINDOW, slots: PCI_SLOTS + (io.display ? 1 : 0), clock, dmaFor: (requester) => this.smmu?.dmaFor(requester) ?? this.memoryFor(requester),
      ejected: (device) => this.ejected(device), guestError,
    });
    const cores: VirtioCore<unknown>[] = disks.flatMap(({ bus, medium }, n) => (bus === 'virtio-mmio' ? [this.block(dma, medium, `disk-${n}`)] : []));
    const virtioDevices = disks.map(({ bus, medium }, n) => (bus === 'virtio' ? this.pci.add(this.diskFunction(`disk-${n}`, 'virtio', medium)) : -1));
    const namespaces = disks.flatMap(({ bus, medium }) => (bus === 'nvme' ? [medium] : []));
    const nvmeDevice = namespaces.length > 0 ? this.pci.add(this.nvmeFunction('nvme', namespaces)) : -1;
    const units = disks.flatMap(({ bus, medium }, n) => (bus === 'scsi' || bus === 'cdrom' ? [new ScsiUnit({ type: bus === 'scsi' ? DISK : CDROM, medium, serial: `disk-${n}` })] : []));
    this.cdDrives = units.filter(({ type }) => type === CDROM);
    const scsiDevice = units.length > 0 ? this.pci.add(this.scsiFunction('scsi', units)) : -1;
    this.fixedDisks = firmwareDisks(disks, { virtioDevices, nvmeDevice, scsiDevice, drives: this.cdDrives });
    (io.nics ?? []).forEach((nic, n) => { this.pci.add(this.nicFunction(`nic-${n}`, nic)); });
    const { virtioBus: bus = 'mmio', virtioConsoleOutput: transmit } = io;
    this.place(cores, bus, 'rng', (memory) => new VirtioRng({ dma: memory, random: io.random }));
    this.virtioConsole = transmit && this.place(cores, bus, 'console', (memory) => new VirtioConsole({ dma: memory, transmit }));
    // It speaks of pages by their numbers in RAM, which an SMMU does not know.
    this.balloon = this.place(cores, this.smmu === undefined ? bus : 'mmio', 'balloon', (memory) => new VirtioBalloon({ dma: memory }));
    // After all others, which are where they are without a display.
    this.framebuffer = io.display?.adapter === 'framebuffer' ? framebufferIn(dma, configurationFor(io.display).heads[0]!) : undefined;
    this.display = io.display && this.buildDisplay(io.display);
    assert(cores.length <= VIRTIO_SLOTS, 'every virtio device has a slot');
    this.virtio = cores.map((core, slot) =>
      new VirtioMmio({ name: `virtio${slot}`, core, dma, line: this.gic.spi(virtioSlot(slot).spi), guestError }));

    this.cpuLines = Array.from({ length: cpus }, (_, cpu) => this.linesOf(cpu));
    this.mapAll();
  }

  /** All that has state, in the order in which it is restored. */
  get devices(): readonly Device<unknown>[] {
    return [this.gic, this.uart, this.rtc, this.gpio, this.button, this.restart, ...(this.watchdog ? [this.watchdog] : []), ...this.flash, ...(this.fwCfg ? [this.fwCfg] : []), ...(this.smmu ? [this.smmu] : []), ...this.pci.devices, ...this.virtio];
  }

  /** A disk for a PCI slot. */
  diskFunction(serial: string, bus: DiskBus, medium: BlockMedium): PciFunction {
    if (bus === 'nvme') return this.nvmeFunction(serial, [medium]);
    if (bus === 'scsi') return this.scsiFunction(serial, [new ScsiUnit({ type: DISK, medium, serial })]);
    const { function: device } = new VirtioPci({ name: `pci ${serial}`, guestError: (what) => this.countError(what), core: (dma) => this.block(dma, medium, serial) });
    return device;
  }

  /** A NIC for a PCI slot; it works until `dropNic`. */
  nicFunction(name: string, io: Omit<VirtioNetIo, 'dma'>): PciFunction {
    const { function: device, core } = new VirtioPci({ name: `pci ${name}`, guestError: (what) => this.countError(what), core: (dma) => new VirtioNet({ ...io, dma }) });
    this.nics.set(name, core);
    return device;
  }
  dropNic(name: string): void { this.nics.delete(name); }

  /** A virtio device as a function of bus 0, or among those that get virtio-mmio slots. */
  private place<Core extends VirtioCore<unknown>>(onMmio: VirtioCore<unknown>[], bus: VirtioBus, name: string, build: (dma: Dma) => Core): Core {
    if (bus === 'pci') {
      const { function: device, core } = new VirtioPci({ name: `pci ${name}`, guestError: (what) => this.countError(what), core: build });
      this.pci.add(device);
      return core;
    }
    const core = build(this.io.ram);
    onMmio.push(core);
    return core;
  }

  private nvmeFunction(serial: string, media: readonly BlockMedium[]): PciFunction {
    const nvme = new Nvme({ name: `pci ${serial}`, serial, media, guestError: (what) => this.countError(what) });
    this.working.push(nvme);
    return nvme.function;
  }

  private scsiFunction(name: string, units: readonly ScsiUnit[]): PciFunction {
    const { core, function: device } = new VirtioPci({ name: `pci ${name}`, guestError: (what) => this.countError(what), core: (dma) => new VirtioScsi({ dma, units }) });
    this.working.push(core);
    return device;
  }

  private buildDisplay(spec: DisplaySpec): BoardDisplay {
    const { heads: modes } = configurationFor(spec), { framebuffer } = this, pointerPort = this.pci.ports[POINTER_SLOT]!;
    const build = <Core extends VirtioCore<unknown>>(name: string, core: (dma: Dma) => Core) => new VirtioPci({ name: `pci ${name}`, guestError: (what) => this.countError(what), core });
    const input = (name: string, kind: InputKindName) => build(name, (dma) => new VirtioInput({ dma, kind }));
    const gpu = framebuffer === undefined ? build('display', (dma) => new VirtioGpu({ dma, heads: spec.heads, modes })) : undefined;
    const keyboard = input('keyboard', 'keyboard'), pointer = input('pointer', 'tablet');
    if (gpu !== undefined) this.pci.add(gpu.function);
    this.pci.add(keyboard.function);
    pointerPort.insert(pointer.function);
    return new BoardDisplay({
      keyboard: keyboard.core, pointer: pointer.core, pointerPort, ...(gpu && { gpu: gpu.core }), ...(framebuffer && { framebuffer: { mode: modes[0]!, surface: this.surfaceOf(framebuffer), base: framebuffer.base, wrote: (y, height) => this.io.ram.onDmaWrite(framebuffer.base + y * framebuffer.strideBytes, height * framebuffer.strideBytes) } }),
    });
  }

  private surfaceOf({ base, width, height, strideBytes }: FramebufferPlace): Surface {
    const { buffer, byteOffset } = this.io.ram.view(base, height * strideBytes)!;
    return { pixels: buffer as SharedArrayBuffer, offset: byteOffset, strideBytes, width, height };
  }

  /** The RAM that the guest is told of. */
  get toldRam(): GuestRam { return this.framebuffer === undefined ? this.io.ram : this.io.ram.first(this.framebuffer.base - this.io.ram.base); }

  /** Puts another medium, or none, into a CD drive, whether or not the guest locked it. */
  changeMedium(drive: number, medium: BlockMedium | undefined): void {
    const unit = this.cdDrives[drive];
    assert(unit !== undefined, 'the drive is there');
    unit.change(medium);
  }


  /** Puts a device into an empty slot before the machine runs. */
  insert(slot: number, device: PciFunction): void { this.portOf(slot).insert(device); }

  /** The same with a disk, which firmware finds then. */
  insertDisk(slot: number, bus: DiskBus, medium: BlockMedium): void {
    this.insert(slot, this.diskFunction(`slot-${slot}`, bus, medium));
    this.slotDisks.push(slotDisk(slot + FIRST_PORT, { bus, medium, number: this.fixedDisks.length + this.slotDisks.length + 1 }));
  }

  /** Disks and drives as firmware finds them at power-on. */
  get firmwareDisks(): readonly FirmwareDisk[] { return [...this.fixedDisks, ...this.slotDisks]; }

  /** Puts a device into an empty slot while the machine runs. */
  plug(slot: number, device: () => PciFunction): void {
    if (this.portOf(slot).plugged !== undefined) throw new EngineError('pci.slot-taken', say`There is something in PCI slot ${slot}.`);
    this.portOf(slot).plug(device());
  }

  /** Asks the guest to let go of what is in a slot; resolves when it did, or was too slow and lost it. */
  async unplug(slot: number, pullAfterNs = PULL_AFTER_NS): Promise<void> {
    const port = this.portOf(slot), { plugged } = port;
    if (plugged === undefined) return;
    await new Promise<void>((resolve) => {
      this.ejections.set(plugged, resolve);
      port.unplug(pullAfterNs);
    });
  }

  /** Something typed at the serial port. */
  type(bytes: Uint8Array): void { this.uart.type(bytes); }

  /** The reader took this much of the serial output; the guest's UART waits when too much is on its way. */
  acknowledgeConsole(bytes: number): void { this.flow.acknowledged(bytes); }

  /** The console's reader has room for more. */
  get consoleReady(): boolean { return this.flow.ready; }

  /** Takes and gives what is in the NICs' rings. */
  pollNics(): void { for (const nic of this.nics.values()) nic.poll(); }

  powerButton(): void { this.button.press(); }
  restartButton(): void { this.restart.press(); }

  /** What SMBIOS tells of it. */
  get smbiosFacts(): SmbiosFacts {
    const { cpus, uuid = NO_UUID } = this.io, { base, sizeBytes } = this.toldRam;
    return { cpus, memory: { base, sizeBytes }, uuid };
  }

  /** What firmware finds in fw_cfg. The same board has the same files, also after it was moved. */
  private firmwareFiles(): readonly ConfigFile[] {
    return [...smbiosFiles(this.smbiosFacts), ...(this.io.withoutAcpi ? [] : loaderFiles(acpiTables({ deviceTree: this.plainTree({}) }).tables))];
  }

  deviceTree(options: TreeOptions = {}): Uint8Array { return this.plainTree({ ...options, rngSeed: this.io.random(RNG_SEED_BYTES) }); }

  /** The same each time: without random bytes, unless they are given. */
  plainTree(options: TreeOptions & { readonly rngSeed?: Uint8Array }): Uint8Array {
    const { cpus } = this.io, { framebuffer } = this;
    return deviceTree({
      ...options, cpus, memoryBytes: this.toldRam.sizeBytes, ...(framebuffer && { framebuffer }), pci: { iommu: this.smmu !== undefined }, virtioSlots: this.virtio.map((_, slot) => slot), watchdog: this.watchdog !== undefined, ...(this.flash.length > 0 && { flash: this.flash.map(({ sizeBytes }) => sizeBytes) }),
    });
  }

  /** As after power-on. RAM and CPUs are not the board's. */
  reset(): void {
    for (const device of this.devices) device.reset();
    this.passConsoleFlow();
  }

  /** Resolves when no disk has anything under way. */
  async disksIdle(): Promise<void> { await Promise.all(this.working.map((device) => device.idle())); }

  /** Every vCPU is synced, so that no interrupt is in a list register. */
  save(): BoardState { return Object.fromEntries(this.devices.map((device) => [device.name, device.save()])); }

  restore(state: BoardState): void {
    for (const device of this.devices) {
      assert(device.name in state || device === this.watchdog, `the saved state has a ${device.name}`);
      if (device.name in state) device.restore(state[device.name]);
    }
    this.passConsoleFlow();
  }

  private countError(what: string) {
    this.guestErrors.count++;
    this.guestErrors.last = what;
  }

  private buildSmmu(guestError: GuestErrorSink): Smmu {
    const wire = (n: number) => this.gic.spi(SMMU.spi + n);
    return new Smmu({ tables: this.io.ram, memoryFor: (stream) => this.memoryFor(stream), lines: { events: wire(0), sync: wire(2), errors: wire(3) }, guestError });
  }

  /** Memory without an SMMU, and the doorbell of the ITS. */
  private memoryFor(requester: number): RequesterMemory { return new RequesterMemory(this.io.ram, (event) => this.gic.its.signal(requester, event)); }

  private block(dma: Dma, medium: BlockMedium, serial: string): VirtioBlock {
    const block = new VirtioBlock({ dma, medium, serial });
    this.working.push(block);
    return block;
  }

  private portOf(slot: number) {
    const port = this.pci.ports[slot];
    if (port === undefined || slot >= PCI_SLOTS) throw new EngineError('pci.no-slot', say`There is no PCI slot ${slot}; they are 0 to ${PCI_SLOTS - 1}.`);
    return port;
  }

  private ejected(device: PciFunction) {
    this.ejections.get(device)?.();
    this.ejections.delete(device);
  }

  private passConsoleFlow() { if (!this.io.hidesConsoleFlow) this.uart.setTransmitReady(this.flow.ready); }

  /** A byte for the serial port's console. */
  print(byte: number): void {
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
    this.flash.forEach((bank, n) => map({ base: FLASH.base + n * FLASH.bankBytes, size: bank.sizeBytes }, bank.regions.registers));
    if (this.fwCfg !== undefined) map(FW_CFG, this.fwCfg.regions.registers);
    map(PCI_IO, NO_PORTS);
    if (this.watchdog !== undefined) {
      map(WATCHDOG.control, this.watchdog.regions.control);
      map(WATCHDOG.refresh, this.watchdog.regions.refresh);
    }
    if (this.smmu !== undefined) map(SMMU, this.smmu.regions.registers);
    map(PCI_ECAM, this.pci.regions.ecam);
    this.virtio.forEach((device, slot) => map(virtioSlot(slot), device.regions.registers));
  }
}
