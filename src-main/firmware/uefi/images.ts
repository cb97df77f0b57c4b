/** EFI images that are loaded, and the calls of guest code that are under way: entry points of images, and functions of events (UEFI 2.10, 7.4). */
import { LOAD_ERROR, OUT_OF_RESOURCES } from './status.ts';
import { EfiError, type UefiCpu } from './call.ts';
import { pathBytes, type DevicePath } from './device-path.ts';
import { textBytes } from './guest-memory.ts';
import { GUID } from './guid.ts';
import { MEMORY, PAGE_BYTES } from './memory-map.ts';
import { loadedPeImage, readPeImage } from './pe-image.ts';
import type { Uefi } from './uefi.ts';

const LOADED_IMAGE_BYTES = 96, LOADED_IMAGE_REVISION = 0x1000;
/** Documentation/arch/arm64/booting.rst. */
const LINUX_MAGIC_AT = 56, LINUX_MAGIC = 0x644d_5241;
const OPTIONS_BYTES = 48, OPTIONS = 56, MOST_OPTIONS = 0x4000;

export interface Image { readonly handle: bigint; readonly start: number; readonly pages: number; readonly entry: number; readonly isDriver: boolean; readonly pools: readonly number[]; readonly isLinux: boolean; readonly isStarted: boolean; readonly interfaces: readonly (readonly [string, bigint])[] }

/** Where a call came from, with the registers that have to be as they were when it is over. */
interface Frame { readonly kind: 'image' | 'notification'; readonly image: bigint; readonly cpu: number; readonly x: readonly bigint[]; readonly sp: bigint; readonly pc: bigint; readonly tpl: number; readonly exitAt?: readonly [bigint, bigint] }

export interface ImagesState { readonly images: readonly Image[]; readonly frames: readonly Frame[]; readonly firmware: bigint }

export interface LoadedFrom { readonly device: bigint; readonly path: DevicePath; readonly file: DevicePath; readonly parent: bigint }

export class Images {
  /** The firmware's own handle, which opens what nobody says who opens it. */
  firmware = 0n;
  private images = new Map<bigint, Image>();
  private frames: Frame[] = [];
  private readonly uefi: Uefi;

  constructor(uefi: Uefi) { this.uefi = uefi; }

  find(handle: bigint): Image | undefined { return this.images.get(handle); }
  /** How many calls of guest code are under way, one in another. */
  get depth(): number { return this.frames.length; }

  /** Puts a file into memory and gives the image's handle; throws an `EfiError`. */
  load(file: Uint8Array, { device, path, file: filePath, parent }: LoadedFrom, options: Uint8Array = new Uint8Array()): bigint {
    const { map, memory, handles, tables } = this.uefi, image = readPeImage(file);
    if (typeof image === 'bigint') throw new EfiError(image);
    const codeType = image.isRuntime ? MEMORY.runtimeServicesCode : image.isDriver ? MEMORY.bootServicesCode : MEMORY.loaderCode, dataType = codeType + 1, pages = Math.ceil(image.imageBytes / PAGE_BYTES), start = map.allocate(codeType, pages, { alignment: image.alignment });
    if (start === undefined) throw new EfiError(OUT_OF_RESOURCES);
    const bytes = loadedPeImage(file, image, start);
    if (bytes === undefined) {
      map.release(start, pages);
      throw new EfiError(LOAD_ERROR);
    }
    memory.write(BigInt(start), bytes);
    const isLinux = new DataView(bytes.buffer).getUint32(LINUX_MAGIC_AT, true) === LINUX_MAGIC;
    if (isLinux) this.uefi.io.drill()?.breaks(start, bytes.length);
    const pools: number[] = [], give = (data: Uint8Array) => {
      const at = map.allocatePool(dataType, Math.max(1, data.length));
      if (at === undefined) throw new EfiError(OUT_OF_RESOURCES);
      pools.push(at);
      memory.write(BigInt(at), data);
      return BigInt(at);
    };
    const table = new DataView(new ArrayBuffer(LOADED_IMAGE_BYTES)), filePathAt = give(pathBytes(filePath)), wholePathAt = path.length > 0 ? give(pathBytes(path)) : 0n, optionsAt = options.length > 0 ? give(options) : 0n;
    table.setUint32(0, LOADED_IMAGE_REVISION, true);
    [parent, tables.system, device, filePathAt, 0n, BigInt(options.length), optionsAt, BigInt(start), BigInt(image.imageBytes)].forEach((value, n) => table.setBigUint64(8 + 8 * n, value, true));
    table.setUint32(80, codeType, true);
    table.setUint32(84, dataType, true);
    const at = give(new Uint8Array(table.buffer)), { id } = handles.install(0n, GUID.loadedImage, at);
    handles.install(id, GUID.loadedImageDevicePath, wholePathAt);
    this.images.set(id, { handle: id, start, pages, entry: start + image.entry, isDriver: image.isDriver, pools, isLinux, isStarted: false, interfaces: [[GUID.loadedImage, at], [GUID.loadedImageDevicePath, wholePathAt]] });
    return id;
  }

  /** A kernel's command line is what its loader gave it, unless this start is a drill. */
  private drillOptions({ interfaces, pools, isLinux }: Image): Image['pools'] {
    const { map, memory, io } = this.uefi, drill = io.drill(), at = interfaces[0]?.[1];
    if (!isLinux || drill === undefined || at === undefined) return pools;
    const length = memory.u32(at + BigInt(OPTIONS_BYTES)), optionsAt = memory.u64(at + BigInt(OPTIONS)), text = length === 0 || optionsAt === 0n ? '' : new TextDecoder('utf-16le').decode(memory.bytes(optionsAt, Math.min(length, MOST_OPTIONS))).replace(/\0.*$/s, '');
    const options = textBytes(drill.commandLine(text)), pool = map.allocatePool(MEMORY.loaderData, options.length);
    if (pool === undefined) return pools;
    memory.write(BigInt(pool), options);
    memory.put32(at + BigInt(OPTIONS_BYTES), options.length);
    memory.put64(at + BigInt(OPTIONS), BigInt(pool));
    return [...pools, pool];
  }

  /** The CPU goes on at the image's entry point; when that returns, or exits, it goes on behind the call, with the status in X0. */
  start(cpu: UefiCpu, image: Image, exitAt: readonly [bigint, bigint] = [0n, 0n], sp = cpu.sp): void {
    this.images.set(image.handle, { ...image, isStarted: true, pools: this.drillOptions(image) });
    // Whatever became of the watchdog before: what is started now may hang.
    this.uefi.io.watchdog.enable();
    this.push(cpu, { kind: 'image', image: image.handle, exitAt });
    cpu.sp = sp;
    cpu.setX(0, image.handle);
    cpu.setX(1, this.uefi.tables.system);
    this.go(cpu, BigInt(image.entry));
  }

  /** Calls what waits for events and may interrupt what runs now; false when nothing does. The CPU does then what it would have done now. */
  notify(cpu: UefiCpu): boolean {
    const { events } = this.uefi, notification = events.takeNotification();
    if (notification === undefined) return false;
    this.push(cpu, { kind: 'notification', image: 0n });
    events.tpl = notification.tpl;
    cpu.setX(0, notification.event);
    cpu.setX(1, notification.context);
    cpu.sp = cpu.sp & ~0xfn;
    this.go(cpu, notification.notify);
    return true;
  }

  /** What was called last returned. Says which image is over, with its status, if it was one. */
  returned(cpu: UefiCpu): { readonly image: bigint; readonly status: bigint; readonly isOutermost: boolean } | undefined {
    const status = cpu.x(0), frame = this.pop(cpu);
    if (frame === undefined || frame.kind === 'notification') return undefined;
    cpu.setX(0, status);
    this.ended(frame.image);
    return { image: frame.image, status, isOutermost: this.frames.length === 0 };
  }

  /** An image that runs is over, whatever it called. */
  exit(cpu: UefiCpu, handle: bigint, status: bigint, data: readonly [bigint, bigint]): { readonly isOutermost: boolean } | undefined {
    const at = this.frames.findLastIndex(({ kind, image }) => kind === 'image' && image === handle), { memory } = this.uefi;
    if (at < 0) return undefined;
    this.frames = this.frames.slice(0, at + 1);
    const { exitAt } = this.pop(cpu)!;
    if (exitAt !== undefined && exitAt[0] !== 0n) memory.put64(exitAt[0], data[0]);
    if (exitAt !== undefined && exitAt[1] !== 0n) memory.put64(exitAt[1], data[1]);
    cpu.setX(0, status);
    this.ended(handle);
    return { isOutermost: this.frames.length === 0 };
  }

  /** Takes an image out of memory. */
  unload(handle: bigint): void {
    const { map, handles } = this.uefi, image = this.images.get(handle);
    if (image === undefined) return;
    for (const [guid, address] of image.interfaces) handles.uninstall(handle, guid, address);
    handles.closeAllOf(handle);
    for (const pool of image.pools) map.releasePool(pool);
    map.release(image.start, image.pages);
    this.images.delete(handle);
  }

  reset(): void {
    this.images = new Map();
    this.frames = [];
  }
  save(): ImagesState { return structuredClone({ images: [...this.images.values()], frames: this.frames, firmware: this.firmware }); }
  restore(state: ImagesState): void {
    const { images, frames, firmware } = structuredClone(state);
    this.images = new Map(images.map(image => [image.handle, image]));
    this.frames = [...frames];
    this.firmware = firmware;
  }

  /** Drivers stay. */
  private ended(handle: bigint) { if (this.images.get(handle)?.isDriver !== true) this.unload(handle); }

  private push(cpu: UefiCpu, frame: Pick<Frame, 'kind' | 'image' | 'exitAt'>) {
    this.frames.push({ ...frame, cpu: cpu.id, x: Array.from({ length: 31 }, (_, n) => cpu.x(n)), sp: cpu.sp, pc: cpu.pc, tpl: this.uefi.events.tpl });
  }

  private pop(cpu: UefiCpu): Frame | undefined {
    const frame = this.frames.pop();
    if (frame === undefined) return undefined;
    frame.x.forEach((value, n) => cpu.setX(n, value));
    cpu.sp = frame.sp;
    cpu.pc = frame.pc;
    this.uefi.events.tpl = frame.tpl;
    return frame;
  }

  private go(cpu: UefiCpu, to: bigint) {
    cpu.setX(30, this.uefi.tables.returned);
    cpu.pc = to;
  }
}
