/** For tests: somebody who looks at a VM's screen, and types and points there. */
import type { MessagePort } from 'node:worker_threads';
import type { CursorShape, FromScreen, Leds, Rect, Surface, ToScreen } from '../display/screen-messages.ts';
import type { DisplayConfiguration } from '../../shared/model/display.ts';

/** What is printed on keys in the US, by their codes. */
const KEYS = '\0\0' + '1234567890-=' + '\0\0' + 'qwertyuiop[]\r' + '\0' + 'asdfghjkl;\'`' + '\0' + '\\zxcvbnm,./' + '\0\0\0 ';
const SHIFT = 42, SHIFTED: Readonly<Record<string, string>> = { '>': '.', '"': '\'', '|': '\\', '&': '7' };

export class ScreenClient {
  readonly surfaces = new Map<number, Surface>();
  readonly cursors = new Map<number, CursorShape>();
  readonly damage: { readonly head: number; readonly rects: readonly Rect[] }[] = [];
  configuration: DisplayConfiguration | undefined;
  leds: Leds | undefined;
  private readonly port: MessagePort;
  private changed: () => void = () => { /* nobody waits */ };

  constructor(port: MessagePort) {
    this.port = port;
    port.on('message', (message: FromScreen) => this.hear(message));
  }

  private hear(message: FromScreen) {
    switch (message.kind) {
      case 'surface': if (message.surface) this.surfaces.set(message.head, message.surface); else this.surfaces.delete(message.head); break;
      case 'damage': this.damage.push(...message.parts); this.say({ kind: 'seen' }); break;
      case 'cursor': if (message.shape) this.cursors.set(message.head, message.shape); else this.cursors.delete(message.head); break;
      case 'configured': this.configuration = message.configuration; break;
      case 'leds': this.leds = message.leds; break;
      case 'cursor-at': break;
      default: message satisfies never;
    }
    this.changed();
  }

  say(message: ToScreen): void { this.port.postMessage(message); }
  watch(): void { this.say({ kind: 'watched', watched: true }); }
  configure(pointer: DisplayConfiguration['pointer'], ...sizes: readonly (readonly [width: number, height: number])[]): void {
    this.say({ kind: 'configure', configuration: { pointer, heads: sizes.map(([width, height]) => ({ width, height, widthMm: width >> 2, heightMm: height >> 2 })) } });
  }

  /** Looks again after each message. */
  async until(isSo: () => boolean): Promise<void> { while (!isSo()) await new Promise<void>(resolve => { this.changed = resolve; }); }

  /** The colours of a part of a head, without their highest bytes; nothing while it is off, or smaller. */
  pixels(head: number, { x, y, width, height }: Rect): number[] {
    const surface = this.surfaces.get(head);
    if (surface === undefined || x + width > surface.width || y + height > surface.height) return [];
    const words = new DataView(surface.pixels, surface.offset);
    return Array.from({ length: width * height }, (_, n) => words.getUint32((y + Math.floor(n / width)) * surface.strideBytes + 4 * (x + n % width), true) & 0xff_ffff);
  }

  /** Of all that a head shows. */
  picture(head: number): number[] {
    const { width = 0, height = 0 } = this.surfaces.get(head) ?? {};
    return this.pixels(head, { x: 0, y: 0, width, height });
  }

  type(text: string): void {
    for (const letter of text) {
      const plain = SHIFTED[letter], code = KEYS.indexOf(plain ?? letter);
      for (const [key, down] of [...(plain ? [[SHIFT, true]] as const : []), [code, true], [code, false], ...(plain ? [[SHIFT, false]] as const : [])] as const) this.say({ kind: 'key', code: key, down });
    }
  }
}
