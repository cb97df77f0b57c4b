/**
 * Messages as bytes, for a WebSocket: JSON in which each byte array stands as `{ "$bytes": length }`, and after it the
 * byte arrays themselves, in the same order. Layout: length of the JSON in bytes (32 bits, big-endian), JSON, byte arrays.
 */
import { EngineError } from '../base/errors.ts';
import { say, type Phrase } from '../base/phrase.ts';

const HEADER_BYTES = 4;

export function encode(message: unknown): Uint8Array<ArrayBuffer> {
  const blobs: Uint8Array[] = [];
  const json = new TextEncoder().encode(JSON.stringify(isPlain(message) ? message : pack(message, blobs)));
  const bytes = new Uint8Array(blobs.reduce((sum, blob) => sum + blob.length, HEADER_BYTES + json.length));
  new DataView(bytes.buffer).setUint32(0, json.length);
  bytes.set(json, HEADER_BYTES);
  let at = HEADER_BYTES + json.length;
  for (const blob of blobs) { bytes.set(blob, at); at += blob.length; }
  return bytes;
}

/** Throws `EngineError('malformed', …)` for anything `encode` could not have made. */
export function decode(data: unknown): unknown {
  if (!(data instanceof ArrayBuffer)) throw malformed(say`The message is not binary.`);
  const bytes = new Uint8Array(data);
  if (bytes.length < HEADER_BYTES) throw malformed(say`The message has no header.`);
  const end = HEADER_BYTES + new DataView(data).getUint32(0);
  if (end > bytes.length) throw malformed(say`The message is shorter than its header says.`);
  const blobs = { bytes, at: end };
  const json = textOf(bytes.subarray(HEADER_BYTES, end)), parsed = parse(json), message = MARK.test(json) ? unpack(parsed, blobs) : parsed;
  if (blobs.at !== bytes.length) throw malformed(say`The message is longer than its contents.`);
  return message;
}

/** What could begin one of our marks, however it is written; an inventory of thousands of objects has none, and is as JSON has it. */
const MARK = /\$|\\u0024/;

/** Whether it is the same to JSON as to us. */
function isPlain(value: unknown): boolean {
  if (Array.isArray(value)) return value.every(isPlain);
  if (typeof value === 'object' && value !== null) return !(value instanceof Uint8Array) && Object.keys(value).every(key => !key.startsWith('$') && isPlainField((value as Record<string, unknown>)[key]));
  return typeof value === 'string' || typeof value === 'boolean' || value === null || Number.isFinite(value);
}
/** JSON leaves such a field out, as we do. */
const isPlainField = (value: unknown): boolean => value === undefined || isPlain(value);

/** `$` begins our own marks, so keys of the message that begin with it get another one. */
function pack(value: unknown, blobs: Uint8Array[]): unknown {
  if (value === undefined) return { $undefined: true };
  if (value instanceof Uint8Array) { blobs.push(value); return { $bytes: value.length }; }
  if (Array.isArray(value)) return value.map(item => pack(item, blobs));
  if (typeof value === 'object' && value !== null) return packObject(value, blobs);
  if (typeof value === 'string' || typeof value === 'boolean' || value === null || Number.isFinite(value)) return value;
  throw new TypeError(`a message cannot carry ${typeof value === 'number' ? String(value) : `a ${typeof value}`}`);
}

function packObject(value: object, blobs: Uint8Array[]): unknown {
  const present = Object.entries(value).filter(([, item]) => item !== undefined);
  return Object.fromEntries(present.map(([key, item]) => [key.startsWith('$') ? `$${key}` : key, pack(item, blobs)]));
}

interface Blobs { readonly bytes: Uint8Array; at: number }

function unpack(value: unknown, blobs: Blobs): unknown {
  if (Array.isArray(value)) return value.map(item => unpack(item, blobs));
  if (typeof value !== 'object' || value === null) return value;
  if (Object.hasOwn(value, '$bytes')) return takeBlob((value as { $bytes: unknown }).$bytes, blobs);
  if (Object.hasOwn(value, '$undefined')) return undefined;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key.startsWith('$') ? key.slice(1) : key, unpack(item, blobs)]));
}

function takeBlob(length: unknown, blobs: Blobs): Uint8Array {
  if (!Number.isSafeInteger(length) || (length as number) < 0 || blobs.at + (length as number) > blobs.bytes.length) throw malformed(say`The message lacks some of its bytes.`);
  const blob = blobs.bytes.slice(blobs.at, blobs.at + (length as number));
  blobs.at += blob.length;
  return blob;
}

function textOf(json: Uint8Array): string {
  try { return new TextDecoder('utf-8', { fatal: true }).decode(json); } catch { throw malformed(say`The message does not hold JSON.`); }
}

function parse(json: string): unknown {
  try { return JSON.parse(json); } catch { throw malformed(say`The message does not hold JSON.`); }
}

function malformed(why: Phrase): EngineError { return new EngineError('malformed', why); }
