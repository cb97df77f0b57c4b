/**
 * GPU device (virtio 1.2, 5.7), 2D with EDID. Each command is done when it is taken. A scanout shows a part of a resource, whose pixels
 * lie in memory that is shared with whoever looks, so that flushing one only tells what of it is new. Left out: 3D, blobs, UUIDs of resources.
 */
import { DISPLAY_LIMITS, type HeadMode } from '../../../shared/model/display.ts';
import { intersection } from '../../display/damage.ts';
import type { CursorShape, Rect, Surface } from '../../display/screen-messages.ts';
import type { Dma } from '../../memory/dma.ts';
import type { AccessSize } from '../../memory/region.ts';
import { edid } from '../display/edid.ts';
import { gather, scatter, slice } from './buffers.ts';
import { GpuResource, isFormat, type Backing, type GpuResourceState } from './gpu-resource.ts';
import type { VirtioCore, VirtioPort } from './virtio-core.ts';

const CURSOR = 1;
const F_EDID = 1 << 1;
const EVENTS_READ = 0, EVENTS_CLEAR = 4, SCANOUTS = 8, CONFIG_BYTES = 16;
const EVENT_DISPLAY = 1;

const GET_DISPLAY_INFO = 0x100, RESOURCE_CREATE_2D = 0x101, RESOURCE_UNREF = 0x102, SET_SCANOUT = 0x103, RESOURCE_FLUSH = 0x104, TRANSFER_TO_HOST_2D = 0x105;
const ATTACH_BACKING = 0x106, DETACH_BACKING = 0x107, GET_EDID = 0x10a, UPDATE_CURSOR = 0x300, MOVE_CURSOR = 0x301;
const OK_NODATA = 0x1100, OK_DISPLAY_INFO = 0x1101, OK_EDID = 0x1104;
const ERR_UNSPEC = 0x1200, ERR_OUT_OF_MEMORY = 0x1201, ERR_INVALID_SCANOUT_ID = 0x1202, ERR_INVALID_RESOURCE_ID = 0x1203, ERR_INVALID_PARAMETER = 0x1205;

const FLAG_FENCE = 1;
const HEADER_BYTES = 24, RECT_BYTES = 16, MODE_BYTES = 24, MODES = 16, EDID_FIELD_BYTES = 1024;
/** Bytes after the header that a command must have. */
const BODY_BYTES: Readonly<Record<number, number>> = {
  [GET_DISPLAY_INFO]: 0, [RESOURCE_CREATE_2D]: 16, [RESOURCE_UNREF]: 8, [SET_SCANOUT]: 24, [RESOURCE_FLUSH]: 24, [TRANSFER_TO_HOST_2D]: 32,
  [ATTACH_BACKING]: 8, [DETACH_BACKING]: 8, [GET_EDID]: 8, [UPDATE_CURSOR]: 32, [MOVE_CURSOR]: 32,
};
/** Of a resource: more than the largest scanout has pages. */
const PIECES_MOST = 16_384, PIECE_BYTES = 16, REQUEST_BYTES_MOST = HEADER_BYTES + 8 + PIECES_MOST * PIECE_BYTES;
/** In pixels, one way. */
const RESOURCE_SIDE_MOST = 16_384, CURSOR_SIDE_MOST = 512;
/** What resources may take of the host's memory: two full screens of the largest size, or a pair of usual ones for each head. */
export const GPU_MEMORY_BYTES = 2 ** 28;

/** Whoever shows what the device has; each head from 0. */
export interface GpuOutput {
  /** What it shows from now on; absent when it is off. */
  surface(head: number, surface?: Surface): void;
  /** A part of what it shows was drawn anew. */
  damage(head: number, rect: Rect): void;
  cursor(head: number, shape?: CursorShape): void;
  cursorAt(head: number, x: number, y: number): void;
}
const NOBODY: GpuOutput = { surface: () => {}, damage: () => {}, cursor: () => {}, cursorAt: () => {} };

export interface GpuCursor { readonly x: number; readonly y: number; readonly shape: CursorShape | null }
interface Scanout { readonly resource: number; readonly rect: Rect }

export interface VirtioGpuState {
  readonly modes: readonly HeadMode[];
  readonly events: number;
  readonly resources: readonly GpuResourceState[];
  readonly scanouts: readonly (Scanout | null)[];
  readonly cursors: readonly GpuCursor[];
}

/** The answer to a command: what it is, and what follows the header. */
interface Answer { readonly type: number; readonly body?: Uint8Array }
const done: Answer = { type: OK_NODATA };
const failed = (type: number): Answer => ({ type });

export interface VirtioGpuIo {
  readonly dma: Dma;
  /** How many there can be. */
  readonly heads: number;
  /** Of those that are connected, at first. */
  readonly modes: readonly HeadMode[];
  /** For resources, in bytes; `GPU_MEMORY_BYTES` when absent. */
  readonly memoryBytes?: number;
}

export class VirtioGpu implements VirtioCore<VirtioGpuState> {
  readonly name = 'virtio-gpu';
  readonly deviceId = 16;
  readonly features = F_EDID;
  readonly queueSizes = [64, 16];
  readonly config = new Uint8Array(CONFIG_BYTES);
  readonly heads: number;
  output = NOBODY;
  private readonly dma: Dma;
  private readonly words = new DataView(this.config.buffer);
  private readonly memoryBytes: number;
  private readonly resources = new Map<number, GpuResource>();
  private readonly scanouts: (Scanout | null)[];
  private readonly pointers: GpuCursor[];
  private port!: VirtioPort;
  private connected: readonly HeadMode[];
  private usedBytes = 0;

  constructor({ dma, heads, modes, memoryBytes = GPU_MEMORY_BYTES }: VirtioGpuIo) {
    this.dma = dma;
    this.heads = Math.min(heads, DISPLAY_LIMITS.heads.max);
    this.connected = modes.slice(0, this.heads);
    this.memoryBytes = memoryBytes;
    this.scanouts = Array<null>(this.heads).fill(null);
    this.pointers = Array.from({ length: this.heads }, () => NO_CURSOR);
    this.words.setUint32(SCANOUTS, this.heads, true);
  }

  attach(port: VirtioPort): void { this.port = port; }

  /** Of the heads that are connected: the first ones. */
  get modes(): readonly HeadMode[] { return this.connected; }
  surface(head: number): Surface | undefined {
    const scanout = this.scanouts[head];
    return scanout ? this.resources.get(scanout.resource)?.surface(scanout.rect) : undefined;
  }
  cursor(head: number): GpuCursor { return this.pointers[head] ?? NO_CURSOR; }

  /** Other panels are there from now on; the driver is told. */
  connect(modes: readonly HeadMode[]): void {
    this.connected = modes.slice(0, this.heads);
    this.words.setUint32(EVENTS_READ, this.words.getUint32(EVENTS_READ, true) | EVENT_DISPLAY, true);
    this.port.configurationChanged();
  }

  configure(offset: number, size: AccessSize, value: number): void {
    if (offset !== EVENTS_CLEAR || size !== 4) return this.port.fail('configuration was written where it cannot be');
    this.words.setUint32(EVENTS_READ, this.words.getUint32(EVENTS_READ, true) & ~value, true);
  }

  notified(number: number): void {
    const queue = this.port.queue(number);
    for (let chain = queue.pop(); chain !== undefined; chain = queue.pop()) {
      const request = gather(this.dma, slice(chain.readable, 0, REQUEST_BYTES_MOST));
      queue.complete(chain.head, scatter(this.dma, chain.writable, this.answer(number, request)));
    }
  }

  /** struct virtio_gpu_ctrl_hdr and what follows it; a fence is signalled, as all before it was done. */
  private answer(queue: number, request: Uint8Array): Uint8Array {
    const words = new DataView(request.buffer, request.byteOffset, request.length), { type, body = new Uint8Array(0) } = this.perform(queue, words);
    const bytes = new Uint8Array(HEADER_BYTES + body.length), header = new DataView(bytes.buffer);
    header.setUint32(0, type, true);
    if (request.length >= HEADER_BYTES && (words.getUint32(4, true) & FLAG_FENCE) !== 0) {
      header.setUint32(4, FLAG_FENCE, true);
      bytes.set(request.subarray(8, 20), 8);
    }
    bytes.set(body, HEADER_BYTES);
    return bytes;
  }

  private perform(queue: number, request: DataView): Answer {
    if (request.byteLength < HEADER_BYTES) return failed(ERR_UNSPEC);
    const type = request.getUint32(0, true), needed = BODY_BYTES[type];
    if (needed === undefined || (queue === CURSOR) !== (type >= UPDATE_CURSOR)) return failed(ERR_UNSPEC);
    if (request.byteLength < HEADER_BYTES + needed) return failed(ERR_INVALID_PARAMETER);
    const body = new DataView(request.buffer, request.byteOffset + HEADER_BYTES, request.byteLength - HEADER_BYTES);
    switch (type) {
      case GET_DISPLAY_INFO: return { type: OK_DISPLAY_INFO, body: this.displayInfo() };
      case GET_EDID: return this.edidOf(word(body, 0));
      case RESOURCE_CREATE_2D: return this.create(word(body, 0), word(body, 4), word(body, 8), word(body, 12));
      case RESOURCE_UNREF: return this.withResource(word(body, 0), resource => this.drop(resource));
      case ATTACH_BACKING: return this.withResource(word(body, 0), resource => this.attachBacking(resource, body));
      case DETACH_BACKING: return this.withResource(word(body, 0), resource => this.detachBacking(resource));
      case TRANSFER_TO_HOST_2D: return this.withResource(word(body, 24), resource => this.transfer(resource, rectOf(body), Number(body.getBigUint64(RECT_BYTES, true))));
      case SET_SCANOUT: return this.setScanout(word(body, 16), word(body, 20), rectOf(body));
      case RESOURCE_FLUSH: return this.withResource(word(body, 16), resource => this.flush(resource, rectOf(body)));
      case UPDATE_CURSOR: return this.updateCursor(body);
      case MOVE_CURSOR: return this.moveCursor(body);
      default: return failed(ERR_UNSPEC);
    }
  }

  /** The heads stand in a row. */
  private displayInfo(): Uint8Array {
    const bytes = new Uint8Array(MODES * MODE_BYTES), words = new DataView(bytes.buffer);
    let x = 0;
    this.connected.forEach(({ width, height }, n) => {
      [x, 0, width, height, 1].forEach((value, k) => words.setUint32(n * MODE_BYTES + 4 * k, value, true));
      x += width;
    });
    return bytes;
  }

  private edidOf(head: number): Answer {
    if ((this.port.negotiated() & F_EDID) === 0) return failed(ERR_UNSPEC);
    if (head >= this.heads) return failed(ERR_INVALID_SCANOUT_ID);
    const body = new Uint8Array(8 + EDID_FIELD_BYTES), mode = this.connected[head];
    if (mode === undefined) return { type: OK_EDID, body };
    const block = edid(mode, head);
    new DataView(body.buffer).setUint32(0, block.length, true);
    body.set(block, 8);
    return { type: OK_EDID, body };
  }

  private withResource(id: number, act: (resource: GpuResource) => Answer): Answer {
    const resource = this.resources.get(id);
    return resource === undefined ? failed(ERR_INVALID_RESOURCE_ID) : act(resource);
  }

  private create(id: number, format: number, width: number, height: number): Answer {
    if (id === 0 || this.resources.has(id)) return failed(ERR_INVALID_RESOURCE_ID);
    if (!isFormat(format) || width === 0 || height === 0 || width > RESOURCE_SIDE_MOST || height > RESOURCE_SIDE_MOST) return failed(ERR_INVALID_PARAMETER);
    if (this.usedBytes + GpuResource.bytesOf(width, height) > this.memoryBytes) return failed(ERR_OUT_OF_MEMORY);
    try { this.keep(new GpuResource({ id, format, width, height })); } catch (error) {
      if (error instanceof RangeError) return failed(ERR_OUT_OF_MEMORY);
      throw error;
    }
    return done;
  }

  private keep(resource: GpuResource) {
    this.resources.set(resource.id, resource);
    this.usedBytes += resource.bytes;
  }

  /** Heads that show it go off. */
  private drop(resource: GpuResource): Answer {
    this.usedBytes -= resource.bytes;
    this.resources.delete(resource.id);
    this.scanouts.forEach((scanout, head) => { if (scanout?.resource === resource.id) this.show(head, null); });
    return done;
  }

  private attachBacking(resource: GpuResource, body: DataView): Answer {
    const count = word(body, 4);
    if (resource.backing !== undefined) return failed(ERR_UNSPEC);
    if (count === 0 || count > PIECES_MOST || body.byteLength < 8 + count * PIECE_BYTES) return failed(ERR_INVALID_PARAMETER);
    const bytes = GpuResource.backingBytes(count);
    if (this.usedBytes + bytes > this.memoryBytes) return failed(ERR_OUT_OF_MEMORY);
    const backing: Backing = Array.from({ length: count }, (_, n) => [Number(body.getBigUint64(8 + n * PIECE_BYTES, true)), word(body, 16 + n * PIECE_BYTES)]);
    if (!backing.every(([address, length]) => this.dma.reaches(address, length, 'read'))) return failed(ERR_INVALID_PARAMETER);
    resource.backing = backing;
    this.usedBytes += bytes;
    return done;
  }

  private detachBacking(resource: GpuResource): Answer {
    if (resource.backing === undefined) return failed(ERR_UNSPEC);
    this.usedBytes -= GpuResource.backingBytes(resource.backing.length);
    resource.backing = undefined;
    return done;
  }

  private transfer(resource: GpuResource, rect: Rect, offset: number): Answer {
    if (resource.backing === undefined) return failed(ERR_UNSPEC);
    return resource.contains(rect) && resource.transfer(this.dma, rect, offset) ? done : failed(ERR_INVALID_PARAMETER);
  }

  private setScanout(head: number, id: number, rect: Rect): Answer {
    if (head >= this.heads) return failed(ERR_INVALID_SCANOUT_ID);
    if (id === 0) {
      this.show(head, null);
      return done;
    }
    return this.withResource(id, resource => {
      if (!resource.contains(rect)) return failed(ERR_INVALID_PARAMETER);
      this.show(head, { resource: id, rect });
      return done;
    });
  }

  private show(head: number, scanout: Scanout | null) {
    if (this.scanouts[head] === null && scanout === null) return;
    this.scanouts[head] = scanout;
    this.output.surface(head, this.surface(head));
  }

  private flush(resource: GpuResource, rect: Rect): Answer {
    if (!resource.contains(rect)) return failed(ERR_INVALID_PARAMETER);
    this.scanouts.forEach((scanout, head) => {
      const part = scanout?.resource === resource.id ? common(scanout.rect, rect) : undefined;
      if (part !== undefined) this.output.damage(head, part);
    });
    return done;
  }

  /** struct virtio_gpu_update_cursor: position, resource, hot spot. */
  private updateCursor(body: DataView): Answer {
    const head = word(body, 0), id = word(body, 16);
    if (head >= this.heads) return failed(ERR_INVALID_SCANOUT_ID);
    if (id === 0) {
      this.point(head, { ...placeOf(body), shape: null });
      return done;
    }
    return this.withResource(id, resource => {
      const { width, height } = resource;
      if (width > CURSOR_SIDE_MOST || height > CURSOR_SIDE_MOST) return failed(ERR_INVALID_PARAMETER);
      const hotX = Math.min(word(body, 20), width - 1), hotY = Math.min(word(body, 24), height - 1);
      this.point(head, { ...placeOf(body), shape: { width, height, hotX, hotY, pixels: resource.copy(width, height) } });
      return done;
    });
  }

  private moveCursor(body: DataView): Answer {
    const head = word(body, 0), place = placeOf(body);
    if (head >= this.heads) return failed(ERR_INVALID_SCANOUT_ID);
    this.pointers[head] = { ...this.cursor(head), ...place };
    this.output.cursorAt(head, place.x, place.y);
    return done;
  }

  private point(head: number, cursor: GpuCursor) {
    const had = this.cursor(head).shape !== null;
    this.pointers[head] = cursor;
    if (cursor.shape !== null) this.output.cursor(head, cursor.shape);
    else if (had) this.output.cursor(head);
    this.output.cursorAt(head, cursor.x, cursor.y);
  }

  /** What is connected comes from outside, and stays. */
  stop(): void {
    this.resources.clear();
    this.usedBytes = 0;
    this.words.setUint32(EVENTS_READ, 0, true);
    for (let head = 0; head < this.heads; head++) {
      this.show(head, null);
      if (this.cursor(head).shape !== null) this.output.cursor(head);
      this.pointers[head] = NO_CURSOR;
    }
  }

  reset(): void { this.stop(); }

  save(): VirtioGpuState {
    return {
      modes: [...this.connected], events: this.words.getUint32(EVENTS_READ, true), resources: [...this.resources.values()].map(resource => resource.save()),
      scanouts: [...this.scanouts], cursors: [...this.pointers],
    };
  }

  /** Whoever shows what it has looks at all of it anew. */
  restore({ modes, events, resources, scanouts, cursors }: VirtioGpuState): void {
    this.connected = structuredClone(modes);
    this.words.setUint32(EVENTS_READ, events, true);
    this.resources.clear();
    this.usedBytes = 0;
    for (const state of resources) this.keep(GpuResource.restored(state));
    for (let head = 0; head < this.heads; head++) {
      this.pointers[head] = structuredClone(cursors[head]!);
      this.scanouts[head] = structuredClone(scanouts[head]!);
    }
  }
}

const NO_CURSOR: GpuCursor = { x: 0, y: 0, shape: null };
const word = (body: DataView, at: number) => body.getUint32(at, true);
/** It may be partly off the left or upper edge. */
const placeOf = (body: DataView) => ({ x: body.getInt32(4, true), y: body.getInt32(8, true) });
const rectOf = (body: DataView): Rect => ({ x: word(body, 0), y: word(body, 4), width: word(body, 8), height: word(body, 12) });

/** What of `rect` is in `view`, seen from there. */
function common(view: Rect, rect: Rect): Rect | undefined {
  const both = intersection(view, rect);
  return both && { ...both, x: both.x - view.x, y: both.y - view.y };
}
