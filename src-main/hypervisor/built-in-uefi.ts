/** The built-in UEFI in its machine: what it needs of CPUs, memory, the board and the operator. */
import type { Ipa } from '../../shared/base/ids.ts';
import type { BootDrill } from '../../shared/model/boot-watchdog.ts';
import type { EfiVariable } from '../../shared/model/efi.ts';
import type { EfiSettings } from '../../shared/model/vm.ts';
import { READ, WRITE } from '../cpu/core/machine.ts';
import { RAM_BASE, UART } from '../firmware/board-map.ts';
import { FIRST_VECTOR } from '../firmware/uefi/tables.ts';
import type { UefiCpu } from '../firmware/uefi/call.ts';
import type { FirmwareScreen } from '../firmware/uefi/protocols/graphics.ts';
import { Uefi, type BootCpu, type DirectBoot, type KernelDrill } from '../firmware/uefi/uefi.ts';
import type { Board } from '../host/board.ts';
import type { BoardDisplay } from '../host/display.ts';
import type { Surface } from '../display/screen-messages.ts';
import type { GuestRam } from '../memory/guest-ram.ts';
import type { Clock } from '../time/clock.ts';
import { breakImage, drilledCommandLine } from './boot-drills.ts';
import type { BootWatchdogApi } from './boot-watchdog.ts';
import type { Vcpu } from './vcpu.ts';

/** Firmware runs at EL1. */
const EL = 1;
const PIXEL_BYTES = 4;
/** MAIR_EL1: device memory, then normal memory that is not cached, written through, written back. */
const MAIR = 0xff_bb_44_00n;
/** TCR_EL1: 39 bits of addresses from TTBR0, none from TTBR1, 4 KiB pages, tables in write-back memory, 40-bit output. */
const TCR = 25n | 1n << 8n | 1n << 10n | 3n << 12n | 1n << 23n | 2n << 32n;
/** SCTLR_EL1: MMU, caches, stack alignment, and what is one. */
const SCTLR = 0x30d0_0800n | 1n | 1n << 2n | 1n << 3n | 1n << 12n;
const FP_ENABLED = 3n << 20n;
/** Registers of the PL011 and what they are set to (DDI 0183, 3.3). */
const UARTLCR_H = 0x2c, UARTCR = 0x30, EIGHT_BITS_AND_FIFO = 0x70n, ON_BOTH_WAYS = 0x301n;
const SPSR_I = 1n << 7n, SPSR_F = 1n << 6n;

/** Variables that outlive the power. */
export interface VariableStore { readonly kept: readonly EfiVariable[]; readonly keep: (variables: readonly EfiVariable[]) => Promise<void> }

export interface BuiltInUefiIo {
  readonly vcpus: readonly Vcpu[];
  readonly board: Board;
  readonly clock: Clock;
  /** Physical address of the first byte of RAM, in the emulated host's memory. */
  readonly ramPa: number;
  readonly settings: EfiSettings;
  readonly variables: VariableStore;
  readonly watchdog: BootWatchdogApi;
  readonly deviceTree: () => Uint8Array;
  readonly random: (length: number) => Uint8Array;
  readonly power: (request: 'off' | 'reset') => void;
  readonly wake: () => void;
}

class FirmwareCpu implements UefiCpu {
  private readonly vcpu: Vcpu;
  constructor(vcpu: Vcpu) { this.vcpu = vcpu; }
  get id(): number { return this.vcpu.cpu.id; }
  x(n: number): bigint { return this.vcpu.cpu.x(n); }
  setX(n: number, value: bigint): void { this.vcpu.cpu.setX(n, value); }
  get sp(): bigint { return this.vcpu.cpu.sp; }
  set sp(value: bigint) { this.vcpu.cpu.sp = value; }
  get pc(): bigint { return this.vcpu.cpu.pc; }
  set pc(value: bigint) { this.vcpu.cpu.pc = value; }
  get held(): boolean { return this.vcpu.held; }
  set held(value: boolean) { this.vcpu.held = value; }
}

export class BuiltInUefi {
  readonly uefi: Uefi;
  private readonly cpus: readonly FirmwareCpu[];
  private readonly bus: Board['bus'];
  private direct: DirectBoot | undefined;
  private drill: BootDrill | undefined;

  constructor({ vcpus, board, clock, ramPa, settings, variables, watchdog, deviceTree, random, power, wake }: BuiltInUefiIo) {
    const ram: GuestRam = board.toldRam, cpus = this.cpus = vcpus.map(vcpu => new FirmwareCpu(vcpu));
    let { kept } = variables;
    this.bus = board.bus;
    this.uefi = new Uefi({
      ram, cpu: cpus[0]!, clock, settings, watchdog, deviceTree, random, power, wake, smbios: () => board.smbiosFacts,
      prepare: boot => prepare(vcpus[0]!, boot),
      translate: (cpu, address, isWrite) => {
        const pa = vcpus[cpu]!.cpu.physical(address, isWrite ? WRITE : READ, EL), ipa = pa === undefined ? 0 : pa - ramPa + RAM_BASE;
        return ram.has(ipa, 1) ? ipa : undefined;
      },
      read: (address, into) => ram.read(address, into), write: (address, bytes) => ram.write(address, bytes),
      print: bytes => { for (const byte of bytes) board.print(byte); }, consoleReady: () => board.consoleReady,
      screen: board.display && screenOf(board.display, (code, isDown) => this.key(code, isDown)),
      disks: () => board.firmwareDisks,
      dateMs: () => board.rtc.seconds * 1000, setDateMs: ms => board.rtc.setTime(Math.floor(ms / 1000)),
      kept: () => kept, keep: async next => { kept = next; await variables.keep(next); },
      direct: () => this.direct, drill: () => this.drillOf(ram),
      exception: cpu => {
        const { cpu: guest } = vcpus[cpu]!, hex = (name: string) => `0x${guest.system(name).toString(16)}`;
        return {
          text: `An exception that nobody handles: ELR ${hex('ELR_EL1')}, ESR ${hex('ESR_EL1')}, FAR ${hex('FAR_EL1')}, SP 0x${guest.sp.toString(16)}.`,
          mask: () => guest.setSystem('SPSR_EL1', guest.system('SPSR_EL1') | SPSR_I | SPSR_F),
        };
      },
    });
  }

  /** Its first CPU is on, and goes on where the firmware wants it to. A kernel may be broken, as a drill. */
  start(direct: DirectBoot | undefined, drill: BootDrill | undefined): void {
    this.direct = direct;
    this.drill = drill;
    this.turnOnUart();
    this.uefi.start();
  }

  private drillOf(ram: GuestRam): KernelDrill | undefined {
    const { drill } = this;
    return drill && { breaks: (pc, bytes) => breakImage(ram, { pc, x0: 0 }, bytes, drill, 'linux'), commandLine: text => drilledCommandLine(text, drill) };
  }

  /** Drivers that know the serial port by ACPI take it as the firmware leaves it (SBSA, appendix on the generic UART). */
  private turnOnUart(): void {
    for (const [register, value] of [[UARTLCR_H, EIGHT_BITS_AND_FIFO], [UARTCR, ON_BOTH_WAYS]] as const) this.bus.write((UART.base + register) as Ipa, 4, value);
  }

  /** An HVC of a CPU; says whether it was a call of the firmware's. */
  call(vcpu: Vcpu, number: number): boolean {
    if (number < FIRST_VECTOR) return false;
    this.uefi.call(this.cpus[vcpu.cpu.id]!, number);
    return true;
  }

  private key(code: number, isDown: boolean): boolean {
    if (!this.uefi.hasConsole) return false;
    this.uefi.keyboardKey(code, isDown);
    return true;
  }
}

/** The CPU as EFI applications find it (UEFI 2.10, 2.3.6). */
function prepare({ cpu }: Vcpu, { tables, vectors, sp }: BootCpu): void {
  for (const [name, value] of [['MAIR_EL1', MAIR], ['TCR_EL1', TCR], ['TTBR0_EL1', BigInt(tables)], ['VBAR_EL1', BigInt(vectors)], ['CPACR_EL1', FP_ENABLED], ['SCTLR_EL1', SCTLR]] as const) cpu.setSystem(name, value);
  cpu.sp = BigInt(sp);
  cpu.changedMode();
}

/** In the guest's memory where the adapter is a framebuffer, else in memory that only the display sees. */
function screenOf(display: BoardDisplay, key: (code: number, isDown: boolean) => boolean): FirmwareScreen {
  const { framebuffer } = display, { width, height } = framebuffer?.mode ?? display.configuration.heads[0]!;
  const surface: Surface = framebuffer?.surface ?? { pixels: new SharedArrayBuffer(width * height * PIXEL_BYTES), offset: 0, strideBytes: width * PIXEL_BYTES, width, height }, { strideBytes } = surface;
  const firmware = display.firmware = { surface, key, drawn: () => { /* nobody looks yet */ } } as NonNullable<BoardDisplay['firmware']>;
  return {
    width, height, strideBytes, pixels: new Uint8Array(surface.pixels, surface.offset, strideBytes * height), ...(framebuffer && { base: framebuffer.base }),
    drawn: (x, y, partWidth, partHeight) => {
      framebuffer?.wrote(y, partHeight);
      firmware.drawn({ x, y, width: partWidth, height: partHeight });
    },
  };
}
