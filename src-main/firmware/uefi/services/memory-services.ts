/** Memory services (UEFI 2.10, 7.2), and those that copy and sum (7.5). */
import { crc32 } from 'node:zlib';
import type { Call, Result } from '../call.ts';
import { MEMORY, MemoryMap, PAGE_BYTES } from '../memory-map.ts';
import { BUFFER_TOO_SMALL, INVALID_PARAMETER, NOT_FOUND, OUT_OF_RESOURCES, SUCCESS } from '../status.ts';
import type { Uefi } from '../uefi.ts';

/** Anywhere, up to an address (1), or at one. */
const ANY_PAGES = 0, AT_ADDRESS = 2;
/** An OS takes the size of a descriptor from the call, and must not believe its own. */
export const DESCRIPTOR_BYTES = 48;
export const DESCRIPTOR_VERSION = 1;
/** Pieces in which much memory is filled or copied. */
const PIECE_BYTES = 0x10_0000;

export function allocatePages({ map }: Uefi, call: Call): Result {
  const kind = call.u32(0), type = call.u32(1), pages = call.number(2), at = call.pointer(3), { memory } = call;
  if (kind > AT_ADDRESS || !MemoryMap.isType(type) || type === MEMORY.conventional || type === MEMORY.persistent) return INVALID_PARAMETER;
  if (pages === 0) return NOT_FOUND;
  memory.requireWritable(at, 8);
  const wanted = Number(memory.u64(at));
  if (kind === AT_ADDRESS) return wanted % PAGE_BYTES === 0 && map.allocateAt(type, wanted, pages) ? SUCCESS : NOT_FOUND;
  const start = map.allocate(type, pages, kind === ANY_PAGES ? {} : { below: wanted + 1 });
  if (start === undefined) return kind === ANY_PAGES ? OUT_OF_RESOURCES : NOT_FOUND;
  memory.put64(at, BigInt(start));
  return SUCCESS;
}

export function freePages({ map }: Uefi, call: Call): Result {
  const start = call.number(0), pages = call.number(1);
  if (start % PAGE_BYTES !== 0 || pages === 0) return INVALID_PARAMETER;
  return map.release(start, pages) ? SUCCESS : NOT_FOUND;
}

export function getMemoryMap({ map }: Uefi, call: Call): Result {
  const sizeAt = call.pointer(0), buffer = call.raw(1), { memory } = call, { descriptors } = map, bytes = descriptors.length * DESCRIPTOR_BYTES, room = Number(memory.u64(sizeAt));
  memory.put64(sizeAt, BigInt(bytes));
  if (call.raw(3) !== 0n) memory.put64(call.raw(3), BigInt(DESCRIPTOR_BYTES));
  if (call.raw(4) !== 0n) memory.put32(call.raw(4), DESCRIPTOR_VERSION);
  if (room < bytes) return BUFFER_TOO_SMALL;
  if (buffer === 0n) return INVALID_PARAMETER;
  const out = new DataView(new ArrayBuffer(bytes));
  descriptors.forEach(({ type, start, pages, attribute }, n) => {
    const at = n * DESCRIPTOR_BYTES;
    out.setUint32(at, type, true);
    out.setBigUint64(at + 8, BigInt(start), true);
    out.setBigUint64(at + 24, BigInt(pages), true);
    out.setBigUint64(at + 32, attribute, true);
  });
  memory.write(buffer, new Uint8Array(out.buffer));
  if (call.raw(2) !== 0n) memory.put64(call.raw(2), BigInt(map.key));
  return SUCCESS;
}

export function allocatePool({ map }: Uefi, call: Call): Result {
  const type = call.u32(0), bytes = call.number(1), at = call.pointer(2);
  if (!MemoryMap.isType(type) || type === MEMORY.conventional || type === MEMORY.persistent) return INVALID_PARAMETER;
  call.memory.requireWritable(at, 8);
  const start = map.allocatePool(type, bytes);
  if (start === undefined) return OUT_OF_RESOURCES;
  call.memory.put64(at, BigInt(start));
  return SUCCESS;
}

export function freePool({ map }: Uefi, call: Call): Result { return map.releasePool(call.number(0)) ? SUCCESS : INVALID_PARAMETER; }

export function calculateCrc32(_: Uefi, call: Call): Result {
  const bytes = call.number(1);
  if (bytes === 0) return INVALID_PARAMETER;
  let sum = 0;
  for (let at = 0; at < bytes; at += PIECE_BYTES) sum = crc32(call.memory.bytes(call.pointer(0) + BigInt(at), Math.min(PIECE_BYTES, bytes - at)), sum);
  call.memory.put32(call.pointer(2), sum);
  return SUCCESS;
}

/** The two may overlap. */
export function copyMem(_: Uefi, call: Call): Result {
  const to = call.raw(0), from = call.raw(1), bytes = call.number(2), backwards = to > from;
  for (let done = 0; done < bytes; done += PIECE_BYTES) {
    const length = Math.min(PIECE_BYTES, bytes - done), at = BigInt(backwards ? bytes - done - length : done);
    call.memory.write(to + at, call.memory.bytes(from + at, length));
  }
  return SUCCESS;
}

export function setMem(_: Uefi, call: Call): Result {
  const to = call.raw(0), bytes = call.number(1), value = Number(call.raw(2) & 0xffn), piece = new Uint8Array(Math.min(bytes, PIECE_BYTES)).fill(value);
  for (let done = 0; done < bytes; done += PIECE_BYTES) call.memory.write(to + BigInt(done), piece.subarray(0, bytes - done));
  return SUCCESS;
}
