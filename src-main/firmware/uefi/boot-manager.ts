/**
 * The boot manager (UEFI 2.10, chapter 3): which options there are, in which order they are tried, and a menu of them. Each disk and
 * drive has an option that the firmware makes by itself; whatever is installed may make others.
 */
import { EfiError } from './call.ts';
import { startsWith, type DevicePath } from './device-path.ts';
import { textBytes } from './guest-memory.ts';
import { GUID, guidBytes } from './guid.ts';
import { ENTER, SCAN, type Key } from './keys.ts';
import { ACTIVE, loadOptionBytes, optionName, optionNumber, readLoadOption, type LoadOption } from './load-option.ts';
import { LIGHT_GRAY } from './text-screen.ts';
import { NOT_FOUND, statusName, SUCCESS } from './status.ts';
import { ATTRIBUTE, readWords, wordBytes } from './variables.ts';
import type { Uefi } from './uefi.ts';

/** What is started from a disk for which nothing says what (3.5.1.1). */
export const FALLBACK = '\\EFI\\BOOT\\BOOTAA64.EFI';
/** Options of the firmware's own have this as their data. */
const OWN = guidBytes('3e7f0c52-9a4d-4b6e-8f21-6f1f7d0a5b34');
const KEPT = ATTRIBUTE.nonVolatile | ATTRIBUTE.bootService | ATTRIBUTE.runtime;
const NS_PER_SECOND = 1e9;
const BRIGHT = 15, MARKED = 0x70, LAST_ROW = 23, FIRST_ROW = 4;
/** Actions below the options. */
const ACTIONS = ['Reset', 'Power off'] as const;
/** The option of a kernel that the machine was given; no variable holds it. */
const DIRECT = -1;

export interface BootManagerState {
  readonly phase: 'off' | 'countdown' | 'menu' | 'starting' | 'running';
  /** Of the countdown, in ns of the machine's clock. */
  readonly untilNs: number;
  readonly secondsShown: number;
  readonly selected: number;
  /** Options that are still to be tried. */
  readonly queue: readonly number[];
  readonly note: string;
}
const OFF: BootManagerState = { phase: 'off', untilNs: 0, secondsShown: 0, selected: 0, queue: [], note: '' };

/** One that the firmware makes for each disk and drive. */
export const isOwnOption = ({ data }: LoadOption): boolean => data.length === OWN.length && data.every((byte, n) => byte === OWN[n]);

export class BootManager {
  private readonly uefi: Uefi;
  private state = OFF;

  constructor(uefi: Uefi) { this.uefi = uefi; }

  /** The firmware waits for somebody, and no guest code runs. */
  get isWaiting(): boolean { return this.state.phase === 'countdown' || this.state.phase === 'menu'; }
  get nextNs(): number { return this.state.phase === 'countdown' ? Math.min(this.state.untilNs, this.uefi.nowNs + NS_PER_SECOND) : Infinity; }

  reset(): void { this.state = OFF; }
  save(): BootManagerState { return this.state; }
  restore(state: BootManagerState): void { this.state = state; }

  /** All disks are known. */
  async start(): Promise<void> {
    const { settings } = this.uefi.io, boot = this.uefi.io.direct();
    await this.makeOptions();
    const next = this.take('BootNext');
    // Once is once, whatever becomes of this boot.
    if (next !== undefined) await this.uefi.keepVariables();
    const order = this.order(), direct = boot === undefined ? [] : [DIRECT];
    this.state = { ...OFF, queue: [...(next === undefined ? [] : readWords(next)), ...direct, ...order] };
    this.greet();
    if (settings.showMenu) { this.openMenu(''); return; }
    if (boot !== undefined || settings.delayMs === 0) { this.goOn(); return; }
    this.state = { ...this.state, phase: 'countdown', untilNs: this.uefi.nowNs + settings.delayMs * 1e6 };
    this.tick();
  }

  /** A second or the countdown is over. */
  tick(): void {
    if (this.state.phase !== 'countdown') return;
    const leftNs = this.state.untilNs - this.uefi.nowNs, seconds = Math.ceil(leftNs / NS_PER_SECOND);
    if (leftNs <= 0) { this.goOn(); return; }
    if (seconds !== this.state.secondsShown) this.uefi.text.print(`\r${TEXTS.countdown(seconds)} `);
    this.state = { ...this.state, secondsShown: seconds };
  }

  key(key: Key): void {
    if (this.state.phase === 'countdown') {
      if (key.scan === SCAN.escape || key.scan === SCAN.f2 || key.scan === SCAN.delete) this.openMenu('');
      else if (key.char === ENTER) this.goOn();
    } else if (this.state.phase === 'menu') this.menuKey(key);
  }

  /** The image that an option started is over. */
  ended(status: bigint): void {
    this.uefi.text.setAttribute(LIGHT_GRAY);
    if (status === SUCCESS) { this.openMenu(''); return; }
    this.uefi.text.print(`\r\n${TEXTS.ended(statusName(status))}\r\n`);
    this.goOn();
  }

  /** Options that may be started, in their order. */
  private order(): readonly number[] { return this.bootOrder.filter(number => (this.option(number)?.attributes ?? 0) & ACTIVE); }

  private option(number: number): LoadOption | undefined {
    const data = number === DIRECT ? undefined : this.get(optionName(number));
    return data && readLoadOption(data);
  }

  /** Of options, by which a person knows them. */
  private describe(number: number): string { return number === DIRECT ? TEXTS.direct : this.option(number)?.description ?? optionName(number); }

  /** One for each disk, and none for one that is gone. */
  private async makeOptions(): Promise<void> {
    const { variables, disks } = this.uefi, numbers = variables.save().all.flatMap(({ name, guid }) => (guid === GUID.globalVariable ? optionNumber(name) ?? [] : []));
    const own = numbers.flatMap(number => { const option = this.option(number); return option !== undefined && isOwnOption(option) ? [{ number, path: option.path }] : []; });
    const wanted = Array.from({ length: disks.count }, (_, disk) => disks.disk(disk)), isSame = (a: DevicePath, b: DevicePath) => a.length === b.length && startsWith(a, b);
    const gone = own.filter(({ path }) => !wanted.some(disk => isSame(disk.path, path))), isNew = wanted.filter(disk => !own.some(({ path }) => isSame(disk.path, path)));
    if (gone.length === 0 && isNew.length === 0) return;
    const taken = new Set(numbers), added = [...isNew].sort((a, b) => Number(a.isCdrom) - Number(b.isCdrom)).map(disk => {
      const number = Array.from({ length: 0x10000 }, (_, n) => n).find(n => !taken.has(n)) ?? 0;
      taken.add(number);
      this.uefi.putVariable(optionName(number), loadOptionBytes({ attributes: ACTIVE, description: disk.name, path: disk.path, data: OWN }), KEPT);
      return number;
    });
    for (const { number } of gone) this.uefi.putVariable(optionName(number), new Uint8Array(), 0);
    const order = this.bootOrder.filter(number => !gone.some(each => each.number === number));
    this.uefi.putVariable('BootOrder', wordBytes([...order, ...added]), KEPT);
    await this.uefi.keepVariables();
  }

  private goOn(): void {
    this.state = { ...this.state, phase: 'starting' };
    this.uefi.work(async () => { await this.tryNext(); return undefined; });
  }

  private async tryNext(): Promise<void> {
    for (;;) {
      const [number, ...queue] = this.state.queue;
      if (number === undefined) break;
      this.state = { ...this.state, queue };
      if (await this.tryOption(number)) return;
    }
    this.openMenu(TEXTS.nothing);
  }

  /** Whether something runs now. */
  private async tryOption(number: number): Promise<boolean> {
    const { text } = this.uefi;
    text.print(`\r\n${TEXTS.starting(this.describe(number))}\r\n`);
    try {
      const image = number === DIRECT ? this.loadDirect() : await this.loadOption(number);
      if (number !== DIRECT) this.uefi.putVariable('BootCurrent', wordBytes([number]), ATTRIBUTE.bootService | ATTRIBUTE.runtime);
      this.state = { ...this.state, phase: 'running' };
      this.uefi.startOutermost(image);
      return true;
    } catch (error) {
      if (!(error instanceof EfiError)) throw error;
      text.print(`${error.status === NOT_FOUND ? TEXTS.noLoader : TEXTS.failed(statusName(error.status))}\r\n`);
      return false;
    }
  }

  private loadDirect(): bigint {
    const boot = this.uefi.io.direct(), { images } = this.uefi;
    if (boot === undefined) throw new EfiError(NOT_FOUND);
    return images.load(boot.kernel(), { device: 0n, path: [], file: [], parent: images.firmware }, textBytes(boot.commandLine));
  }

  private async loadOption(number: number): Promise<bigint> {
    const option = this.option(number);
    if (option === undefined) throw new EfiError(NOT_FOUND);
    const path = await this.uefi.bootPath(option.path, FALLBACK), place = this.uefi.placeOf(path), { images } = this.uefi;
    if (place === undefined) throw new EfiError(NOT_FOUND);
    return images.load(await this.uefi.readFileAt(path), { device: place.device, path, file: place.rest, parent: images.firmware }, isOwnOption(option) ? new Uint8Array() : option.data);
  }

  private greet(): void {
    const { text } = this.uefi;
    text.reset();
    text.clear();
    text.setAttribute(BRIGHT);
    text.print(`${TEXTS.title}\r\n`);
    text.setAttribute(LIGHT_GRAY);
  }

  private get entries(): readonly number[] { return [...(this.uefi.io.direct() === undefined ? [] : [DIRECT]), ...this.order()]; }

  private openMenu(note: string): void {
    this.state = { ...this.state, phase: 'menu', selected: 0, note };
    this.drawMenu();
  }

  private drawMenu(): void {
    const { text } = this.uefi, { selected, note } = this.state, { entries } = this, shown = Math.max(0, Math.min(selected - (LAST_ROW - FIRST_ROW - 4), entries.length));
    text.setAttribute(LIGHT_GRAY);
    text.enableCursor(false);
    text.clear();
    text.setAttribute(BRIGHT);
    text.print(`${TEXTS.title}\r\n`);
    text.setAttribute(LIGHT_GRAY);
    text.print(`${note === '' ? TEXTS.choose : note}\r\n\r\n`);
    [...entries.map(number => this.describe(number)), ...ACTIONS].slice(shown, shown + LAST_ROW - FIRST_ROW - 1).forEach((line, n) => {
      const at = n + shown;
      if (at === entries.length) text.print('\r\n');
      text.setAttribute(at === selected ? MARKED : LIGHT_GRAY);
      text.print(` ${line.slice(0, 70)} `);
      text.setAttribute(LIGHT_GRAY);
      text.print('\r\n');
    });
    text.print(`\r\n${TEXTS.keys}`);
  }

  private menuKey(key: Key): void {
    const { entries } = this, count = entries.length + ACTIONS.length, { selected } = this.state, char = String.fromCharCode(key.char);
    if (key.scan === SCAN.up || key.scan === SCAN.down) this.select((selected + (key.scan === SCAN.down ? 1 : count - 1)) % count);
    else if (key.scan === SCAN.home || key.scan === SCAN.end) this.select(key.scan === SCAN.home ? 0 : count - 1);
    else if (key.scan === SCAN.escape) this.leaveMenu(entries);
    else if (key.char === ENTER) this.choose(entries, selected);
    else if ((char === '+' || char === '-') && selected < entries.length) this.move(entries, selected, char === '+' ? -1 : 1);
  }

  private select(selected: number): void {
    this.state = { ...this.state, selected };
    this.drawMenu();
  }

  private choose(entries: readonly number[], selected: number): void {
    if (selected >= entries.length) { this.uefi.io.power(ACTIONS[selected - entries.length] === 'Reset' ? 'reset' : 'off'); return; }
    this.leaveMenu([entries[selected]!]);
  }

  private leaveMenu(queue: readonly number[]): void {
    const { text } = this.uefi;
    text.enableCursor(true);
    text.clear();
    this.state = { ...this.state, queue };
    this.goOn();
  }

  /** Up or down in the order, which is kept. */
  private move(entries: readonly number[], from: number, by: number): void {
    const number = entries[from]!, other = entries[from + by];
    if (number === DIRECT || other === undefined || other === DIRECT) return;
    const order = this.bootOrder, swapped = order.map(each => (each === number ? other : each === other ? number : each));
    this.uefi.putVariable('BootOrder', wordBytes(swapped), KEPT);
    this.state = { ...this.state, selected: from + by };
    this.drawMenu();
    this.uefi.work(async () => { await this.uefi.keepVariables(); return undefined; });
  }

  /** As the variable has it, with options that may not be started or are not there. */
  private get bootOrder(): readonly number[] { return readWords(this.get('BootOrder') ?? new Uint8Array()); }
  private get(name: string): Uint8Array | undefined { return this.uefi.variables.get(name, GUID.globalVariable, false)?.data; }
  private take(name: string): Uint8Array | undefined {
    const data = this.get(name);
    if (data !== undefined) this.uefi.putVariable(name, new Uint8Array(), 0);
    return data;
  }
}

/** The firmware speaks English, as firmware does: nobody has told it a language yet. */
const TEXTS = {
  title: 'Quarterdeck UEFI',
  choose: 'Choose what to start.',
  keys: 'Up and Down select, Enter starts, + and - change the order, Esc goes on.',
  direct: 'Linux kernel of this machine',
  countdown: (seconds: number) => `Esc or F2 for the boot menu: ${seconds}`,
  starting: (what: string) => `Starting ${what}`,
  noLoader: 'There is nothing to start on it.',
  failed: (why: string) => `It could not be started: ${why}.`,
  ended: (why: string) => `It ended: ${why}.`,
  nothing: 'Nothing could be started.',
} as const;
