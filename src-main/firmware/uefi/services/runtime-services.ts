/** Runtime services (UEFI 2.10, chapter 8): they are there also after an OS took over, at the virtual addresses that it gives them. */
import type { Answer, Call, Result } from '../call.ts';
import { readTime, timeBytes } from '../efi-time.ts';
import { BUFFER_TOO_SMALL, INVALID_PARAMETER, NOT_FOUND, SUCCESS, UNSUPPORTED } from '../status.ts';
import type { Uefi } from '../uefi.ts';
import { MEMORY, PAGE_BYTES } from '../memory-map.ts';
import { ATTRIBUTE } from '../variables.ts';

/** EFI_TIME. */
export function getTime({ io }: Uefi, call: Call): Result {
  const ms = io.dateMs(), time = timeBytes(ms);
  new DataView(time.buffer).setUint32(8, Math.floor(ms % 1000) * 1_000_000, true);
  call.memory.write(call.pointer(0), time);
  if (call.raw(1) === 0n) return SUCCESS;
  // EFI_TIME_CAPABILITIES: steps of a second, as exact as the host's clock is.
  const capabilities = new DataView(new ArrayBuffer(12));
  capabilities.setUint32(0, 1, true);
  capabilities.setUint32(4, 50_000_000, true);
  call.memory.write(call.raw(1), new Uint8Array(capabilities.buffer));
  return SUCCESS;
}

export function setTime({ io }: Uefi, call: Call): Result {
  const { year, month, hour, minute, second, zone, ms } = readTime(call.memory.bytes(call.pointer(0), 16)), back = new Date(ms);
  if (year < 1970 || year > 2105 || back.getUTCMonth() !== month - 1 || hour > 23 || minute > 59 || second > 59 || Math.abs(zone ?? 0) > 1440) return INVALID_PARAMETER;
  io.setDateMs(ms + (zone ?? 0) * 60_000);
  return SUCCESS;
}

export function getVariable({ variables, isRuntime }: Uefi, call: Call): Result {
  const { memory } = call, name = memory.text(call.pointer(0)), guid = call.guid(1), attributesAt = call.raw(2), sizeAt = call.pointer(3), found = variables.get(name, guid, isRuntime);
  if (found === undefined) return NOT_FOUND;
  const room = Number(memory.u64(sizeAt));
  if (attributesAt !== 0n) memory.put32(attributesAt, found.attributes);
  memory.put64(sizeAt, BigInt(found.data.length));
  if (room < found.data.length) return BUFFER_TOO_SMALL;
  memory.write(call.pointer(4), found.data);
  return SUCCESS;
}

export function getNextVariableName({ variables, isRuntime }: Uefi, call: Call): Result {
  const { memory } = call, sizeAt = call.pointer(0), nameAt = call.pointer(1), guidAt = call.pointer(2), room = Number(memory.u64(sizeAt)), { status, variable } = variables.next(memory.text(nameAt), memory.guid(guidAt), isRuntime);
  if (variable === undefined) return status;
  const bytes = 2 * (variable.name.length + 1);
  memory.put64(sizeAt, BigInt(bytes));
  if (room < bytes) return BUFFER_TOO_SMALL;
  memory.putText(nameAt, variable.name);
  memory.putGuid(guidAt, variable.guid);
  return SUCCESS;
}

/** What is to be kept is kept before the guest hears that it is. */
export function setVariable(uefi: Uefi, call: Call): Answer {
  const { memory } = call, bytes = call.number(3), name = memory.text(call.pointer(0)), guid = call.guid(1), attributes = call.u32(2);
  if (bytes > uefi.variables.room.most) return INVALID_PARAMETER;
  const data = bytes === 0 ? new Uint8Array() : memory.bytes(call.pointer(4), bytes);
  return uefi.setVariable({ name, guid, attributes, data }, uefi.isRuntime ? 'runtime' : 'boot');
}

export function queryVariableInfo({ variables: { room } }: Uefi, call: Call): Result {
  const attributes = call.u32(0);
  if ((attributes & (ATTRIBUTE.bootService | ATTRIBUTE.runtime)) === 0) return INVALID_PARAMETER;
  [room.most, room.left, room.mostOfOne].forEach((value, n) => call.memory.put64(call.pointer(n + 1), BigInt(value)));
  return SUCCESS;
}

export function getNextHighMonotonicCount(uefi: Uefi, call: Call): Result {
  call.memory.put32(call.pointer(0), uefi.nextHighCount());
  return SUCCESS;
}
export function getNextMonotonicCount(uefi: Uefi, call: Call): Result {
  call.memory.put64(call.pointer(0), uefi.nextCount());
  return SUCCESS;
}

const RESET_SHUTDOWN = 2;
export function resetSystem({ io }: Uefi, call: Call): Result {
  io.power(call.u32(0) === RESET_SHUTDOWN ? 'off' : 'reset');
  // The CPU never comes back from here.
  return { untilNs: Infinity };
}

/** Descriptors as GetMemoryMap gave them, with virtual addresses. */
export function setVirtualAddressMap(uefi: Uefi, call: Call): Result {
  const bytes = call.number(0), size = call.number(1), { memory } = call;
  if (!uefi.isRuntime || uefi.tables.isVirtual) return UNSUPPORTED;
  if (call.u32(2) !== 1 || size < 40 || bytes % size !== 0 || bytes > 0x10_0000) return INVALID_PARAMETER;
  const view = new DataView(memory.bytes(call.pointer(3), bytes).buffer), ranges = [];
  for (let at = 0; at < bytes; at += size) {
    const type = view.getUint32(at, true), start = view.getBigUint64(at + 8, true), virtual = view.getBigUint64(at + 16, true), pages = view.getBigUint64(at + 24, true);
    if (type === MEMORY.runtimeServicesCode || type === MEMORY.runtimeServicesData) ranges.push({ start, end: start + pages * BigInt(PAGE_BYTES), virtual });
  }
  return uefi.tables.becomeVirtual(ranges);
}

/** Alarms, capsules, and pointers of drivers that stay: there are none. */
export function unsupported(): Result { return UNSUPPORTED; }
