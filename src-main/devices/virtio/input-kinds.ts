/** What the input devices of a display are, in the numbers of `linux/input-event-codes.h`, which virtio takes over (virtio 1.2, 5.8). */

export const EV_SYN = 0, EV_KEY = 1, EV_REL = 2, EV_ABS = 3, EV_LED = 0x11, EV_REP = 0x14;
export const BTN_LEFT = 0x110, BTN_TOUCH = 0x14a;
export const REL_HWHEEL = 6, REL_WHEEL = 8, REL_WHEEL_HI_RES = 0x0b, REL_HWHEEL_HI_RES = 0x0c;
export const ABS_X = 0, ABS_Y = 1, ABS_MT_SLOT = 0x2f, ABS_MT_POSITION_X = 0x35, ABS_MT_POSITION_Y = 0x36, ABS_MT_TRACKING_ID = 0x39;
export const LED_NUM = 0, LED_CAPS = 1, LED_SCROLL = 2;
/** Of both axes, from 0. */
export const AXIS_MOST = 32767;
export const SLOTS = 10;
export const TRACKING_MOST = 0xffff;
const INPUT_PROP_DIRECT = 1;
/** KEY_ESC to KEY_MICMUTE: all that keyboards with 8-bit codes have. */
const FIRST_KEY = 1, LAST_KEY = 248;
const REPEATS = [0, 1];

export const INPUT_KINDS = ['keyboard', 'tablet', 'touch'] as const;
export type InputKindName = (typeof INPUT_KINDS)[number];

export interface InputKind {
  readonly title: string;
  readonly product: number;
  readonly properties: readonly number[];
  /** Codes by type of event. */
  readonly codes: Readonly<Record<number, readonly number[]>>;
  /** The highest value of each absolute axis; the lowest is 0. */
  readonly axes: Readonly<Record<number, number>>;
}

const POSITION = { [ABS_X]: AXIS_MOST, [ABS_Y]: AXIS_MOST };
const CONTACTS = { [ABS_MT_SLOT]: SLOTS - 1, [ABS_MT_POSITION_X]: AXIS_MOST, [ABS_MT_POSITION_Y]: AXIS_MOST, [ABS_MT_TRACKING_ID]: TRACKING_MOST };
const range = (first: number, count: number) => Array.from({ length: count }, (_, n) => first + n);

export const KINDS: Readonly<Record<InputKindName, InputKind>> = {
  keyboard: { title: 'Quarterdeck Keyboard', product: 1, properties: [], codes: { [EV_KEY]: range(FIRST_KEY, LAST_KEY), [EV_LED]: [LED_NUM, LED_CAPS, LED_SCROLL], [EV_REP]: REPEATS }, axes: {} },
  // Left, right, middle, side, extra.
  tablet: { title: 'Quarterdeck Tablet', product: 2, properties: [], codes: { [EV_KEY]: range(BTN_LEFT, 5), [EV_REL]: [REL_HWHEEL, REL_WHEEL, REL_WHEEL_HI_RES, REL_HWHEEL_HI_RES] }, axes: POSITION },
  touch: { title: 'Quarterdeck Touchscreen', product: 3, properties: [INPUT_PROP_DIRECT], codes: { [EV_KEY]: [BTN_TOUCH] }, axes: { ...POSITION, ...CONTACTS } },
};
