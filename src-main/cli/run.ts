/**
 * `quarterdeck run`: boots one VM without the engine, its serial console on stdin and stdout. Exit codes: 0 the guest
 * powered off, or was suspended, 1 the VM failed, 2 bad usage or unreadable input, 3 `--timeout` passed, 4 the guest reset itself under
 * `--no-reboot`, 130 the operator quit.
 */
import { Command, InvalidArgumentError, Option } from 'commander';
import { open, readFile } from 'node:fs/promises';
import { EngineError, messageOf } from '../../shared/base/errors.ts';
import { english } from '../../shared/base/phrase.ts';
import { USUAL_DISPLAY, type VncListener } from '../../shared/model/display.ts';
import { BOOT_DRILLS, BOOT_LIMITS, canDrill, END_NAMES, NO_BOOTS, STAGE_NAMES, stageOf, USUAL_WATCHDOG, type BootDrill, type BootRecord } from '../../shared/model/boot-watchdog.ts';
import { CATCH_UP_MODES, TIME_LIMITS, USUAL_TIME, type CatchUpMode } from '../../shared/model/guest-time.ts';
import { DISK_BUSES, DISK_FORMATS, EFI_TABLES, SMP_MODES, USUAL_EFI, VIRTIO_BUSES, VM_LIMITS, type DiskSpec, type EfiTables, type GuestSource, type NicSpec, type PortForward, type SmpMode, type VirtioBus } from '../../shared/model/vm.ts';
import { readVariables, writeVariables } from '../engine/efi-variables-file.ts';
import { startVm } from '../hypervisor/start-vm.ts';
import type { Symbols } from '../hypervisor/symbols.ts';
import type { VmProfile } from '../hypervisor/profile.ts';
import type { RunningVm, VmLaunch, VmStop } from '../hypervisor/vm-launch.ts';

interface RunOptions {
  readonly kernel?: string;
  readonly initrd?: string;
  readonly append: string;
  readonly memory: number;
  readonly cpus: number;
  readonly smp: SmpMode;
  readonly seed?: string;
  readonly startDate?: number;
  readonly disk: readonly DiskSpec[];
  readonly cdrom: readonly string[];
  readonly iommu?: boolean;
  readonly virtioBus: VirtioBus;
  readonly net: readonly NicSpec[];
  readonly forward: readonly PortForward[];
  readonly capture?: string;
  readonly uefi?: true;
  readonly efiVars?: string;
  readonly bootDelay: number;
  readonly bootMenu?: true;
  readonly efiTables: EfiTables;
  readonly firmware?: string;
  readonly firmwareVars?: string;
  readonly acpi: boolean;
  readonly timeRate?: number;
  readonly catchUp: CatchUpMode;
  readonly bootWatchdog?: number;
  readonly bootDrill?: BootDrill;
  readonly vnc?: VncListener['at'];
  readonly timeout?: number;
  readonly reboot: boolean;
  readonly state?: string;
  readonly resume?: true;
  readonly profile?: number;
  readonly symbols?: string;
}

const DISK_OPTIONS = `bus=${DISK_BUSES.join('|')}, format=${DISK_FORMATS.join('|')}, readonly, iops=NUMBER, bps=BYTES`;
const COUNTER_HZ = 62_500_000;
/** Typed at the console: Ctrl-A, then x ends the VM, as under QEMU, and s suspends it. */
const ESCAPE = 0x01, QUIT = 'x'.charCodeAt(0), SUSPEND = 's'.charCodeAt(0);
/** How many regions a profile lists. */
const HOT_REGIONS = 10;
const QUIT_CODE = 130, TIMEOUT_CODE = 3;

export const runCommand = new Command('run')
  .description('boot a VM headless, its serial console on stdin and stdout')
  .option('--kernel <file>', 'Linux arm64 Image, plain or gzip, or a headerless binary for RAM + 0x80000; the built-in diagnostics without it')
  .option('--initrd <file>', 'initial RAM disk')
  .option('--append <text>', 'kernel command line', 'console=ttyAMA0')
  .option('--memory <size>', 'guest RAM: MiB, or with a suffix M or G', memoryMib, 512)
  .option('--cpus <count>', `virtual CPUs, 1 to ${VM_LIMITS.cpus.max}`, wholeNumber('CPU count', VM_LIMITS.cpus.min, VM_LIMITS.cpus.max), 1)
  .addOption(new Option('--smp <mode>', 'how virtual CPUs run: a thread for each, or taking turns by instruction count, so that a run can be repeated exactly').choices(SMP_MODES).default('parallel'))
  .option('--seed <text>', 'with --smp deterministic, what the guest\'s random numbers follow from')
  .option('--start-date <date>', 'with --smp deterministic, the date at power-on, for example 2026-01-01', dateMs)
  .option('--disk <file[,option…]>', `disk image: raw, qcow2, VMDK or ISO (may be repeated); options: ${DISK_OPTIONS}`, (text: string, disks: readonly DiskSpec[]) => [...disks, diskOf(text)], [])
  .option('--cdrom <file>', 'CD or DVD image in a drive of its own, or "none" for an empty drive (may be repeated)', (text: string, images: readonly string[]) => [...images, text], [])
  .option('--uefi', 'boot by the built-in UEFI, also the kernel of --kernel; without a kernel or firmware, disks and CDs are booted by it anyway')
  .option('--efi-vars <file>', 'where the built-in UEFI keeps its variables; made when it is not there')
  .option('--boot-delay <seconds>', 'how long Esc or F2 shows the boot menu of the built-in UEFI', bootDelay, USUAL_EFI.delayMs / 1000)
  .option('--boot-menu', 'show the boot menu of the built-in UEFI')
  .addOption(new Option('--efi-tables <tables>', 'by what the built-in UEFI tells an operating system of the hardware').choices(EFI_TABLES).default('both'))
  .option('--firmware <file>', 'firmware in flash that boots from disks, such as EDK2 for QEMU\'s virt, instead of a kernel')
  .option('--firmware-vars <file>', 'where the firmware keeps its variables; made when it is not there')
  .option('--no-acpi', 'let the firmware offer its guest the device tree only, and no ACPI tables')
  .option('--state <file>', 'where Ctrl-A s, or SIGUSR2, suspends the VM to: memory, devices, all of it')
  .option('--resume', 'go on from that file instead of booting; it is used up by that, as the VM\'s disks go on')
  .addOption(new Option('--virtio-bus <bus>', 'where entropy, virtio console and balloon are').choices(VIRTIO_BUSES).default('mmio'))
  .option('--iommu', 'put an SMMU between PCI devices and memory')
  .option('--net <network>', 'a network adapter (may be repeated): nat, switch:NAME, or none, which is also what there is without it', nic, [])
  .option('--forward <ports>', 'with --net nat, a port of this machine that leads to the guest: tcp:8080:80, or udp:ADDRESS:8080:80 (may be repeated)', forward, [])
  .option('--capture <file>', 'write what passes the first network adapter to a pcapng file')
  .option('--time-rate <rate>', 'scale the guest\'s time: how many of its seconds pass in one of the host\'s, 0.01 to 100', timeRate)
  .addOption(new Option('--catch-up <how>', 'what becomes of time for which the guest stood still').choices(CATCH_UP_MODES).default('none'))
  .option('--boot-watchdog <time>', 'reset the guest when it does not refresh its watchdog within this time of its start: 30s, 2m; what a boot comes to is told on stderr', bootTimeout)
  .addOption(new Option('--boot-drill <what>', 'break the first boot, in its copy in memory, to see that the guest comes back').choices(BOOT_DRILLS))
  .option('--vnc <port>', 'give the VM a display and show it to VNC clients on this machine: a TCP port, 0 for a free one, or the path of a Unix socket', vncAt)
  .option('--timeout <seconds>', 'end with code 3 after this long', positiveNumber)
  .option('--no-reboot', 'end with code 4 when the guest resets itself')
  .addOption(new Option('--profile [regions]', `at the end, print on stderr where time went: instructions per second, translation, exits by cause, and the hottest regions of code`).preset(String(HOT_REGIONS)).argParser(wholeNumber('Number of regions', 1, 1000)))
  .option('--symbols <file>', 'with --profile, names of functions: a System.map, or what nm prints')
  .addHelpText('after', '\nCtrl-A x ends the VM, Ctrl-A s suspends it to the file given with --state.')
  .action(async (options: RunOptions) => { process.exitCode = await run(options); });

/** As under QEMU, a comma of the file's own name is written twice. */
function diskOf(text: string): DiskSpec {
  const [path = '', ...words] = text.split(/(?<!,),(?!,)/).map(part => part.replaceAll(',,', ','));
  if (path === '') throw new InvalidArgumentError('A disk begins with its file.');
  return words.reduce<DiskSpec>((disk, word) => ({ ...disk, ...diskOption(word) }), { path, readOnly: false });
}

const driveOf = (image: string): DiskSpec => ({ path: image === 'none' ? '' : image, readOnly: true, cdrom: true });

function diskOption(word: string): Partial<DiskSpec> {
  const [name, value = ''] = word.split('=', 2), bus = DISK_BUSES.find(each => each === value), format = DISK_FORMATS.find(each => each === value);
  if (word === 'readonly') return { readOnly: true };
  if (name === 'bus' && bus !== undefined) return { bus };
  if (name === 'format' && format !== undefined) return { format };
  if (name === 'iops' && Number(value) >= 1) return { iopsLimit: Number(value) };
  if (name === 'bps' && Number(value) >= 1) return { bytesPerSecondLimit: Number(value) };
  throw new InvalidArgumentError(`A disk has no option "${word}"; there are ${DISK_OPTIONS}.`);
}

function memoryMib(text: string): number {
  const match = /^(\d+)([MG]?)$/i.exec(text);
  const mib = match === null ? NaN : Number(match[1]) * (match[2]?.toUpperCase() === 'G' ? 1024 : 1);
  const { min, max } = VM_LIMITS.memoryMib;
  if (!(mib >= min && mib <= max)) throw new InvalidArgumentError(`Memory is ${min}M to ${max}M, for example 512M or 2G.`);
  return mib;
}

function wholeNumber(what: string, min: number, max: number): (text: string) => number {
  return text => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < min || value > max) throw new InvalidArgumentError(`${what} is a whole number from ${min} to ${max}.`);
    return value;
  };
}

function dateMs(text: string): number {
  const ms = Date.parse(text);
  if (Number.isNaN(ms)) throw new InvalidArgumentError('A date is written as 2026-01-31, or 2026-01-31T12:00:00Z.');
  return ms;
}

function nic(text: string, nics: readonly NicSpec[]): readonly NicSpec[] {
  const name = /^switch:(.+)$/.exec(text)?.[1];
  if (text === 'none') return nics;
  if (text !== 'nat' && name === undefined) throw new InvalidArgumentError('A network is nat, switch:NAME or none.');
  return [...nics, name === undefined ? { kind: 'nat', forwards: [], connected: true } : { kind: 'switch', switch: name, connected: true }];
}

function forward(text: string, forwards: readonly PortForward[]): readonly PortForward[] {
  const [, protocol, address, host, guest] = /^(tcp|udp):(?:(\[[\da-f:]+\]|[\d.]+):)?(\d+):(\d+)$/i.exec(text) ?? [], ports = [host, guest].map(Number);
  if (protocol === undefined || ports.some(number => !(number >= 1 && number <= 65535))) throw new InvalidArgumentError('A port forward is written as tcp:8080:80 or udp:127.0.0.1:8080:80, ports from 1 to 65535.');
  const [hostPort = 0, guestPort = 0] = ports;
  return [...forwards, { protocol: protocol.toLowerCase() === 'tcp' ? 'tcp' : 'udp', hostPort, guestPort, ...(address !== undefined && { bind: address.replace(/[[\]]/g, '') }) }];
}

function timeRate(text: string): number {
  const rate = Number(text), { min, max } = TIME_LIMITS.rate;
  if (!(rate >= min && rate <= max)) throw new InvalidArgumentError(`A rate of time is a number from ${min} to ${max}.`);
  return rate;
}

function bootTimeout(text: string): number {
  const [, number, unit = 's'] = /^(\d+(?:\.\d+)?)(s|m)?$/.exec(text) ?? [], seconds = Number(number) * (unit === 'm' ? 60 : 1), { min, max } = BOOT_LIMITS.timeoutS;
  if (!(seconds >= min && seconds <= max)) throw new InvalidArgumentError(`A time of the boot watchdog is ${min}s to ${max / 60}m.`);
  return seconds;
}

/** Rules for a machine without an engine, and so without banks. */
function watchdogOf({ bootWatchdog: timeoutS, bootDrill: drill }: RunOptions): Pick<VmLaunch, 'bootWatchdog' | 'boots'> {
  return { ...(timeoutS !== undefined && { bootWatchdog: { ...USUAL_WATCHDOG, mode: 'boot', timeoutS } }), ...(drill !== undefined && { boots: { ...NO_BOOTS, drill } }) };
}

function vncAt(text: string): VncListener['at'] {
  if (!/^\d+$/.test(text)) return { kind: 'unix', path: text };
  if (Number(text) > 65535) throw new InvalidArgumentError('A port is at most 65535.');
  return { kind: 'tcp', port: Number(text) };
}

function bootDelay(text: string): number {
  const value = Number(text);
  if (!(value >= 0 && value <= 60) || text.trim() === '') throw new InvalidArgumentError('A boot delay is a number of seconds from 0 to 60.');
  return value;
}

function positiveNumber(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value > 0) || !Number.isFinite(value)) throw new InvalidArgumentError('A time is a number of seconds above 0.');
  return value;
}

async function run(options: RunOptions): Promise<number> {
  let launch: VmLaunch, symbols: Symbols | undefined;
  try {
    launch = await launchOf(options);
    symbols = await symbolsOf(options);
  } catch (error) {
    return complain(messageOf(error), 2);
  }
  return new Promise(resolve => new ConsoleSession(launch, options, symbols, resolve));
}

async function launchOf(options: RunOptions): Promise<VmLaunch> {
  if (options.kernel === undefined && options.initrd !== undefined) throw new EngineError('usage', 'An initrd needs a kernel: give --kernel too.');
  if (options.resume && options.state === undefined) throw new EngineError('usage', '--resume goes on from the file given with --state: give that too.');
  const disks = [...options.disk, ...options.cdrom.map(driveOf)];
  const guest = await guestOf(options);
  if (options.bootDrill !== undefined && !canDrill(options.bootDrill, guest)) throw new EngineError('usage', `The drill ${options.bootDrill} breaks a Linux kernel that is given by --kernel, or that the built-in UEFI starts.`);
  if (disks.length > VM_LIMITS.disks) throw new EngineError('usage', `A VM has at most ${VM_LIMITS.disks} disks.`);
  return { name: 'run', cpus: options.cpus, smpMode: options.smp, counted: { ...(options.seed !== undefined && { seed: options.seed }), ...(options.startDate !== undefined && { startMs: options.startDate }) }, memoryMib: options.memory, counterHz: COUNTER_HZ, guest, disks, nics: nicsOf(options), iommu: options.iommu === true, virtioBus: options.virtioBus, ...(options.vnc && { display: USUAL_DISPLAY }), ...watchdogOf(options), time: { ...USUAL_TIME, scaling: options.timeRate !== undefined, rate: options.timeRate ?? 1, afterStop: options.catchUp, afterSuspend: options.catchUp }, ...(options.efiVars !== undefined && { efiVariables: await readVariables(options.efiVars) }), ...(options.resume && { resumeFrom: options.state }), ...(options.profile !== undefined && { profile: { regions: options.profile } }) };
}

/** Port forwards are those of the first NAT. */
function nicsOf({ net, forward: forwards, capture }: RunOptions): readonly NicSpec[] {
  const first = net.findIndex(({ kind }) => kind === 'nat');
  if (net.length > VM_LIMITS.nics) throw new EngineError('usage', `A VM has at most ${VM_LIMITS.nics} network adapters.`);
  if (forwards.length > 0 && first < 0) throw new EngineError('usage', 'A port forward needs a NAT: give --net nat too.');
  if (capture !== undefined && net.length === 0) throw new EngineError('usage', 'There is no network adapter to capture from: give --net too.');
  return net.map((spec, place) => (place === first ? { ...spec, forwards: [...forwards] } as NicSpec : spec));
}

/** What the kernel file is, by its first bytes: anything without a known header is a headerless binary. */
async function guestOf(options: RunOptions): Promise<GuestSource> {
  const { kernel, initrd, append, firmware, firmwareVars, uefi, efiVars, acpi } = options, hasDisks = options.disk.length + options.cdrom.length > 0, isUefi = uefi ?? (hasDisks && kernel === undefined && firmware === undefined);
  if (uefi && firmware !== undefined) throw new EngineError('usage', 'A VM has one firmware: leave out --uefi or --firmware.');
  if (efiVars !== undefined && !isUefi) throw new EngineError('usage', 'Variables are kept by the built-in UEFI: give --uefi too.');
  if (firmwareVars !== undefined && firmware === undefined) throw new EngineError('usage', 'Variables are kept by firmware: give --firmware too.');
  if (firmware !== undefined && kernel !== undefined) throw new EngineError('usage', 'Either firmware boots the VM, or a kernel is given to it: leave out --kernel or --firmware.');
  if (firmware !== undefined) return { kind: 'firmware', firmwarePath: firmware, ...(firmwareVars !== undefined && { variablesPath: firmwareVars }), ...(!acpi && { acpi }) };
  if (isUefi && kernel === undefined) return uefiOf(options);
  if (kernel === undefined) return { kind: 'diagnostics' };
  const head = await firstBytes(kernel), text = (from: number, to: number) => head.subarray(from, to).toString('latin1');
  if (head.length === 0) throw new EngineError('image.empty', `The kernel ${kernel} is empty.`);
  if (text(0, 4) === '\x7fELF') throw new EngineError('image.elf', `The kernel ${kernel} is an ELF file; give a Linux Image or a flat binary (objcopy -O binary).`);
  if (isUefi) return { ...uefiOf(options), kernelPath: kernel, commandLine: append, ...(initrd !== undefined && { initrdPath: initrd }) };
  if (text(0x38, 0x3c) === 'ARMd' || text(0, 2) === '\x1f\x8b') return { kind: 'linux', kernelPath: kernel, commandLine: append, ...(initrd !== undefined && { initrdPath: initrd }) };
  if (head.every(byte => byte === 9 || byte === 10 || byte === 13 || (byte >= 32 && byte < 127))) throw new EngineError('image.text', `The kernel ${kernel} is a text file, not a kernel or a program.`);
  if (initrd !== undefined) throw new EngineError('usage', `The kernel ${kernel} is not a Linux Image, so it takes no initrd.`);
  return { kind: 'binary', imagePath: kernel };
}

const uefiOf = ({ bootDelay: seconds, bootMenu, efiTables, acpi }: RunOptions): Extract<GuestSource, { kind: 'uefi' }> => ({ kind: 'uefi', settings: { delayMs: seconds * 1000, showMenu: bootMenu === true, tables: acpi ? efiTables : 'deviceTree' } });

async function firstBytes(path: string): Promise<Buffer> {
  try {
    await using file = await open(path);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(64), 0, 64, 0);
    return buffer.subarray(0, bytesRead);
  } catch (error) {
    throw new EngineError('image.unreadable', `The kernel ${path} cannot be read: ${messageOf(error)}.`);
  }
}

async function symbolsOf({ symbols: path, profile }: RunOptions): Promise<Symbols | undefined> {
  if (path === undefined) return undefined;
  if (profile === undefined) throw new EngineError('usage', 'Symbols are for a profile: give --profile too.');
  const text = await readFile(path, 'utf8').catch((error: unknown) => { throw new EngineError('symbols.unreadable', `The symbols ${path} cannot be read: ${messageOf(error)}.`); });
  const { Symbols } = await import('../hypervisor/symbols.ts'), symbols = new Symbols(text);
  if (symbols.count === 0) throw new EngineError('symbols.none', `There is no function in ${path}; it is to have lines as in System.map.`);
  return symbols;
}

function complain(sentence: string, code: number): number {
  process.stderr.write(`quarterdeck: ${sentence}\n`);
  return code;
}

/** The disassembler is loaded only for this. */
async function report(profile: VmProfile, symbols: Symbols | undefined): Promise<void> {
  const { formatProfile } = await import('../hypervisor/profile-report.ts');
  process.stderr.write(`\n${formatProfile(profile, symbols)}`);
}

/** One VM between the terminal and its end. */
class ConsoleSession {
  private readonly vm: RunningVm;
  private readonly done: (code: number) => void;
  private started = false;
  private code: number | undefined;
  private profile: VmProfile | undefined;
  private readonly symbols: Symbols | undefined;
  private escaped = false;
  private readonly statePath: string | undefined;
  private readonly timer: NodeJS.Timeout | undefined;

  constructor(launch: VmLaunch, options: RunOptions, symbols: Symbols | undefined, done: (code: number) => void) {
    this.done = done;
    this.symbols = symbols;
    this.statePath = options.state;
    this.vm = startVm(launch, {
      started: () => { this.started = true; this.connectInput(); },
      consoleOutput: bytes => process.stdout.write(bytes, () => this.vm.acknowledgeConsole(bytes.length)),
      resetByGuest: () => { /* it boots again */ },
      keepEfiVariables: variables => (options.efiVars === undefined ? Promise.resolve() : writeVariables(options.efiVars, variables)),
      booted: record => { if (options.bootWatchdog !== undefined) this.tellBoot(record); },
      profiled: profile => { this.profile = profile; },
      stopped: stop => { void this.stopped(stop); },
    }, { stopOnReset: !options.reboot });
    if (options.capture !== undefined) this.vm.nics[0]?.startCapture({ path: options.capture }).catch((error: unknown) => this.fail(messageOf(error)));
    if (options.vnc !== undefined) this.showDisplay(options.vnc);
    this.timer = options.timeout === undefined ? undefined : setTimeout(() => this.end(TIMEOUT_CODE), options.timeout * 1000);
    process.once('SIGINT', () => this.end(QUIT_CODE));
    if (process.platform !== 'win32') process.on('SIGUSR2', () => void this.suspend());
    process.once('SIGTERM', () => this.end(QUIT_CODE));
    process.stdout.on('error', () => this.end(QUIT_CODE));
  }

  /** Each change is one of the last attempt: a stage, or its end. */
  private tellBoot({ attempts }: BootRecord): void {
    const attempt = attempts.at(-1);
    if (attempt === undefined) return;
    const { number, end, stages } = attempt, atNs = (end ?? stages.at(-1))?.atNs ?? 0, what = end === undefined ? STAGE_NAMES[stageOf(attempt)] : END_NAMES[end.cause];
    process.stderr.write(`quarterdeck: Boot ${number}, after ${(atNs / 1e9).toFixed(1)} s: ${english(what)}.\r\n`);
  }

  private showDisplay(at: VncListener['at']): void {
    void import('./run-display.ts').then(({ showByVnc }) => showByVnc(this.vm, at)).then(
      found => process.stderr.write(`quarterdeck: VNC clients find the display at ${found}.\n`),
      (error: unknown) => this.fail(messageOf(error)));
  }

  private connectInput(): void {
    if (process.stdin.isTTY) process.stdin.setRawMode(true);
    process.stdin.on('data', (bytes: Buffer) => this.typed(bytes));
  }

  private typed(bytes: Uint8Array): void {
    const passed: number[] = [];
    for (const byte of bytes) {
      if (this.escaped && byte === QUIT) { this.end(QUIT_CODE); return; }
      if (this.escaped && byte === SUSPEND) { this.escaped = false; void this.suspend(); continue; }
      if (byte === ESCAPE && !this.escaped && process.stdin.isTTY) { this.escaped = true; continue; }
      this.escaped = false;
      passed.push(byte);
    }
    if (passed.length > 0) this.vm.consoleInput(Uint8Array.from(passed));
  }

  private async suspend(): Promise<void> {
    if (this.statePath === undefined) { process.stderr.write('\r\nquarterdeck: Nothing says where to suspend to: start with --state FILE.\r\n'); return; }
    try { await this.vm.suspend(this.statePath); } catch (error) { process.stderr.write(`\r\nquarterdeck: ${messageOf(error)}\r\n`); }
  }

  private fail(sentence: string): void {
    complain(sentence, 2);
    this.end(2);
  }

  private end(code: number): void {
    this.code ??= code;
    void this.vm.terminate();
  }

  private async stopped(stop: VmStop): Promise<void> {
    clearTimeout(this.timer);
    if (process.stdin.isTTY) process.stdin.setRawMode(false);
    process.stdin.destroy();
    if (process.stdout.writableLength > 0) await new Promise(resolve => { process.stdout.write('', resolve); });
    if (this.profile !== undefined) await report(this.profile, this.symbols);
    this.done(this.codeOf(stop));
  }

  private codeOf(stop: VmStop): number {
    switch (stop.kind) {
      case 'poweredOff': case 'suspended': return 0;
      case 'reset': return 4;
      case 'terminated': case 'migrated': return this.code ?? QUIT_CODE;
      case 'failed': return complain(stop.message, this.started ? 1 : 2);
      default: return stop satisfies never;
    }
  }
}
