import { POINTERS, type ClientProperties, type Pointer } from '../../../shared/model/display.ts';

/** Whether this desktop is pointed at with fingers rather than with a mouse. */
export const pointerHere = (): Pointer => (window.matchMedia('(pointer: coarse)').matches ? POINTERS[1] : POINTERS[0]);

/** What a session is told of this page: sizes in CSS pixels, which the guest gets finer where that is wanted. */
export function propertiesOf(monitors: ClientProperties['monitors'], { sharp }: { readonly sharp: boolean }): ClientProperties {
  return { monitors, pixelRatio: sharp ? window.devicePixelRatio : 1, colourDepth: window.screen.colorDepth, pointer: pointerHere(), keyboardLayout: navigator.language.slice(0, 2).toLowerCase() };
}
