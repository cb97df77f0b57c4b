import { expect, test } from 'vitest';
import { USUAL_DISPLAY, type DisplaySpec } from '../../../shared/model/display.ts';
import { displayDraft, displayOf } from './display-draft.ts';

test('a display becomes a draft and the same display again', () => {
  const displays: readonly (DisplaySpec | undefined)[] = [
    undefined, USUAL_DISPLAY, { ...USUAL_DISPLAY, adapter: 'framebuffer', sessions: 'refuse', unwatched: 'suspend', fixedSize: { width: 1024, height: 768 } },
    { ...USUAL_DISPLAY, heads: 4, vnc: { at: { kind: 'tcp', port: 0 }, password: ' secret', tls: true } }, { ...USUAL_DISPLAY, sessions: 'takeOver', vnc: { at: { kind: 'unix', path: '/run/web.vnc' } } },
  ];
  for (const display of displays) expect(displayOf(displayDraft(display))).toEqual(display);
});

test('what does not show is not asked for, and what is not a number is not taken for one', () => {
  const all = { ...displayDraft(USUAL_DISPLAY), width: '', height: 'high', port: '', path: ' /run/web.vnc ', password: 'secret', tls: true } as const;
  expect(displayOf(all)).toEqual(USUAL_DISPLAY);
  expect(displayOf({ ...all, adapter: 'none', vnc: 'tcp' })).toBeUndefined();
  expect(displayOf({ ...all, size: 'fixed', vnc: 'tcp' })).toEqual({ ...USUAL_DISPLAY, fixedSize: { width: NaN, height: NaN }, vnc: { at: { kind: 'tcp', port: NaN }, password: 'secret', tls: true } });
  expect(displayOf({ ...all, vnc: 'unix', password: '', tls: false })?.vnc).toEqual({ at: { kind: 'unix', path: '/run/web.vnc' } });
});
