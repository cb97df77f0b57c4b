/** Texts of clipboards: CutText (RFC 6143, 7.5.6 and 7.6.4), which is Latin 1, and the Extended Clipboard of rfbproto, of which text is used. */
import { constants, deflateSync, inflateSync } from 'node:zlib';
import { ProtocolError } from './byte-reader.ts';
import { ByteWriter } from './byte-writer.ts';
import { ToClient } from './protocol.ts';

/** What a text may have in UTF-8; longer ones are left out. */
export const MAX_TEXT_BYTES = 1024 * 1024;
/** Of one message of a client. */
export const MAX_CUT_TEXT_BYTES = 2 * MAX_TEXT_BYTES;

const TEXT = 1;
const CAPS = 1 << 24, REQUEST = 1 << 25, PEEK = 1 << 26, NOTIFY = 1 << 27, PROVIDE = 1 << 28;
const ACTIONS = 0x1f00_0000;

export type ClipboardMessage =
  | { readonly kind: 'caps' | 'peek' }
  /** Whether it is about a text. */
  | { readonly kind: 'request' | 'notify'; readonly text: boolean }
  | { readonly kind: 'provide'; readonly text: string | undefined };

/** Of the bytes that follow the negative length; undefined for an action that is none of these. */
export function readClipboard(bytes: Buffer): ClipboardMessage | undefined {
  const flags = bytes.readUInt32BE(0), text = (flags & TEXT) !== 0;
  // Capabilities name all actions that are known, so that it must be looked for first.
  if ((flags & CAPS) !== 0) return { kind: 'caps' };
  switch (flags & ACTIONS) {
    case REQUEST: return { kind: 'request', text };
    case PEEK: return { kind: 'peek' };
    case NOTIFY: return { kind: 'notify', text };
    case PROVIDE: return { kind: 'provide', text: text ? inflated(bytes.subarray(4)) : undefined };
    default: return undefined;
  }
}

/** What this server can do. */
export const capabilities = (): Uint8Array => extended(CAPS | REQUEST | PEEK | NOTIFY | PROVIDE | TEXT, new ByteWriter().u32(MAX_TEXT_BYTES).take());
export const requestText = (): Uint8Array => extended(REQUEST | TEXT);
/** Whether there is a text to be had. */
export const notify = (hasText: boolean): Uint8Array => extended(NOTIFY | (hasText ? TEXT : 0));

export function provide(text: string): Uint8Array {
  const bytes = Buffer.from(`${text.replace(/\r\n?|\n/g, '\r\n')}\0`);
  return extended(PROVIDE | TEXT, deflateSync(new ByteWriter().u32(bytes.length).bytes(bytes).take()));
}

/** Of a client that knows no other. What Latin 1 does not have becomes a question mark. */
export function cutText(text: string): Uint8Array {
  const bytes = Buffer.from(text.replace(/\r\n?/g, '\n').replace(/[^\u0000-\u00ff]/gu, '?'), 'latin1');
  return new ByteWriter().u8(ToClient.cutText).zeros(3).u32(bytes.length).bytes(bytes).take();
}

export const plainText = (text: string): string => text.replace(/\r\n?/g, '\n');

function extended(flags: number, rest: Uint8Array = new Uint8Array(0)): Uint8Array {
  return new ByteWriter().u8(ToClient.cutText).zeros(3).u32(-(4 + rest.length)).u32(flags).bytes(rest).take();
}

/** The text comes first, as its format has the lowest bit. Clients may leave the zlib stream open. Undefined for one that is too long. */
function inflated(bytes: Buffer): string | undefined {
  let data: Buffer;
  try {
    data = inflateSync(bytes, { maxOutputLength: MAX_TEXT_BYTES + 8, finishFlush: constants.Z_SYNC_FLUSH });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') return undefined;
    throw new ProtocolError('clipboard');
  }
  if (data.length < 4) throw new ProtocolError('clipboard');
  const text = data.subarray(4, 4 + data.readUInt32BE(0)).toString('utf8');
  return plainText(text.endsWith('\0') ? text.slice(0, -1) : text);
}

