/** A machine's display: heads, a keyboard, and a tablet or a touch screen, which is in a PCI slot of its own, as the two take turns. */
import { assert, EngineError } from '../../shared/base/errors.ts';
import { say } from '../../shared/base/phrase.ts';
import type { DisplayConfiguration, HeadMode, Pointer } from '../../shared/model/display.ts';
import type { RootPort } from '../devices/pci/root-port.ts';
import type { GpuCursor, VirtioGpu } from '../devices/virtio/gpu.ts';
import type { InputKindName } from '../devices/virtio/input-kinds.ts';
import type { VirtioInput } from '../devices/virtio/input.ts';
import type { Rect, Surface } from '../display/screen-messages.ts';
import type { FramebufferPlace } from '../firmware/device-tree.ts';
import type { GuestRam } from '../memory/guest-ram.ts';

const PIXEL_BYTES = 4, FRAMEBUFFER_ALIGN = 0x1_0000;
export const KIND_OF_POINTER = { mouse: 'tablet', touch: 'touch' } as const satisfies Record<Pointer, InputKindName>;

/** The end of a machine's RAM, which is not told to be memory then. */
export function framebufferIn(ram: GuestRam, { width, height }: HeadMode): FramebufferPlace {
  const strideBytes = width * PIXEL_BYTES, bytes = strideBytes * height;
  if (bytes > ram.sizeBytes / 2) throw new EngineError('display.noMemory', say`The VM's memory is too small for a framebuffer of ${width} × ${height} pixels.`);
  return { base: Math.floor((ram.end - bytes) / FRAMEBUFFER_ALIGN) * FRAMEBUFFER_ALIGN, width, height, strideBytes };
}

/** What firmware draws on, and hears of. */
export interface FirmwareDisplay {
  readonly surface: Surface;
  /** Says whether it took the key. */
  readonly key: (code: number, isDown: boolean) => boolean;
  /** Whom to tell of what was drawn. */
  drawn: (rect: Rect) => void;
}

export interface BoardDisplayParts {
  readonly keyboard: VirtioInput;
  readonly pointer: VirtioInput;
  readonly pointerPort: RootPort;
  /** One of these. */
  readonly gpu?: VirtioGpu;
  readonly framebuffer?: { readonly mode: HeadMode; readonly surface: Surface; /** In guest physical memory. */ readonly base: number; /** Firmware drew in these lines. */ readonly wrote: (y: number, height: number) => void };
}

export class BoardDisplay {
  readonly keyboard: VirtioInput;
  readonly pointer: VirtioInput;
  readonly gpu: VirtioGpu | undefined;
  readonly framebuffer: BoardDisplayParts['framebuffer'];
  /** Firmware has the first head while no driver has the adapter, and takes keys while it says so. */
  firmware: FirmwareDisplay | undefined;
  private readonly pointerPort: RootPort;

  constructor({ keyboard, pointer, pointerPort, gpu, framebuffer }: BoardDisplayParts) {
    assert((gpu === undefined) !== (framebuffer === undefined), 'a display has one adapter');
    this.keyboard = keyboard;
    this.pointer = pointer;
    this.pointerPort = pointerPort;
    this.gpu = gpu;
    this.framebuffer = framebuffer;
  }

  /** How many heads there can be. */
  get heads(): number { return this.gpu?.heads ?? 1; }
  surface(head: number): Surface | undefined { return this.gpu?.surface(head) ?? (head === 0 ? this.framebuffer?.surface ?? this.firmware?.surface : undefined); }

  /** A key by its Linux code. */
  key(code: number, isDown: boolean): void { if (!this.firmware?.key(code, isDown)) this.keyboard.key(code, isDown); }
  cursor(head: number): GpuCursor | undefined { return this.gpu?.cursor(head); }

  /** What the guest was last told. */
  get configuration(): DisplayConfiguration {
    return { heads: this.gpu?.modes ?? [this.framebuffer!.mode], pointer: this.pointer.kind === KIND_OF_POINTER.touch ? 'touch' : 'mouse' };
  }

  /** Tells the guest what is new of it, and says whether anything was. A framebuffer keeps its size. */
  configure({ heads, pointer }: DisplayConfiguration): boolean {
    const now = this.configuration, modes = heads.slice(0, this.heads), isResized = this.gpu !== undefined && !sameModes(modes, now.heads);
    if (isResized) this.gpu.connect(modes);
    if (pointer !== now.pointer) this.pointerPort.replug(() => this.pointer.become(KIND_OF_POINTER[pointer]));
    return isResized || pointer !== now.pointer;
  }
}

const sameModes = (some: readonly HeadMode[], others: readonly HeadMode[]) => some.length === others.length && some.every((mode, n) => {
  const other = others[n]!;
  return mode.width === other.width && mode.height === other.height && mode.widthMm === other.widthMm && mode.heightMm === other.heightMm;
});
