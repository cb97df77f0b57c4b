/** A client's keys: by their places where it knows them, else by what is printed on those of a US keyboard. */
import type { Look } from '../screen.ts';
import { LEFT_SHIFT, placeOfKeysym, RIGHT_SHIFT, type KeyPlace } from './keysyms.ts';
import { codeOfScancode } from './scancodes.ts';

export class Keyboard {
  private readonly look: Look;
  private readonly capsLock: () => boolean;
  /** What went down for a keysym goes up with it, whatever it is on by then. */
  private readonly down = new Map<number, number>();

  constructor(look: Look, capsLock: () => boolean) {
    this.look = look;
    this.capsLock = capsLock;
  }

  /** Of QEMU's extended key event, which has the keysym for those who do not know the place. */
  scancode(scancode: number, keysym: number, down: boolean): void {
    const code = codeOfScancode(scancode);
    if (code === undefined) this.keysym(keysym, down);
    else this.look.key(code, down);
  }

  keysym(keysym: number, down: boolean): void {
    const place = placeOfKeysym(keysym);
    if (place === undefined) return;
    if (!down) {
      const code = this.down.get(keysym) ?? place.code;
      this.down.delete(keysym);
      this.look.key(code, false);
      return;
    }
    this.down.set(keysym, place.code);
    this.withShift(place, () => this.look.key(place.code, true));
  }

  /** Where the guest would make another sign of it, Shift is pressed, or let go of, for as long as it takes. */
  private withShift(place: KeyPlace, press: () => void) {
    const held = [LEFT_SHIFT, RIGHT_SHIFT].filter(code => this.look.holds(code)), isShifted = held.length > 0;
    const wanted = place.shift === undefined ? isShifted : place.letter && this.capsLock() ? !place.shift : place.shift;
    const turned = wanted === isShifted ? [] : wanted ? [LEFT_SHIFT] : held;
    for (const code of turned) this.look.key(code, wanted);
    press();
    for (const code of turned) this.look.key(code, !wanted);
  }
}
