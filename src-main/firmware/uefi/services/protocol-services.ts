/** Protocol handler services (UEFI 2.10, 7.3). There are no drivers of the guest's to connect: all devices have their protocols from the start. */
import type { Call, Result } from '../call.ts';
import { pathAt, pathBytes } from '../device-path.ts';
import { OPEN, type Handle } from '../handles.ts';
import { MEMORY } from '../memory-map.ts';
import { BUFFER_TOO_SMALL, INVALID_PARAMETER, isError, NOT_FOUND, OUT_OF_RESOURCES, SUCCESS } from '../status.ts';
import type { Uefi } from '../uefi.ts';

const ALL_HANDLES = 0, BY_REGISTER_NOTIFY = 1, BY_PROTOCOL = 2;
const KNOWN_ATTRIBUTES = OPEN.byHandle | OPEN.get | OPEN.test | OPEN.byChild | OPEN.byDriver | OPEN.exclusive;

export function installProtocolInterface({ handles }: Uefi, call: Call): Result {
  const handleAt = call.pointer(0), { memory } = call;
  if (call.u32(2) !== 0) return INVALID_PARAMETER;
  memory.requireWritable(handleAt, 8);
  const { status, id } = handles.install(memory.u64(handleAt), call.guid(1), call.raw(3));
  if (status === SUCCESS) memory.put64(handleAt, id);
  return status;
}
export function reinstallProtocolInterface({ handles }: Uefi, call: Call): Result { return handles.reinstall(call.raw(0), call.guid(1), call.raw(2), call.raw(3)); }
export function uninstallProtocolInterface({ handles }: Uefi, call: Call): Result { return handles.uninstall(call.raw(0), call.guid(1), call.raw(2)); }

/** GUID and interface, GUID and interface, and so on, up to a 0: all of them or none. */
function* pairs(call: Call): Generator<readonly [string, bigint]> {
  for (let n = 1; ; n += 2) {
    const guid = call.raw(n);
    if (guid === 0n) return;
    yield [call.memory.guid(guid), call.raw(n + 1)];
  }
}

export function installMultiple({ handles }: Uefi, call: Call): Result {
  const handleAt = call.pointer(0), { memory } = call, done: (readonly [string, bigint])[] = [];
  memory.requireWritable(handleAt, 8);
  let id = memory.u64(handleAt);
  for (const [guid, address] of pairs(call)) {
    const result = handles.install(id, guid, address);
    if (isError(result.status)) {
      for (const [installed, at] of done) handles.uninstall(id, installed, at);
      return result.status;
    }
    id = result.id;
    done.push([guid, address]);
  }
  memory.put64(handleAt, id);
  return SUCCESS;
}

export function uninstallMultiple({ handles }: Uefi, call: Call): Result {
  const all = [...pairs(call)], id = call.raw(0);
  if (all.some(([guid, address]) => handles.protocol(id, guid)?.interface !== address)) return INVALID_PARAMETER;
  for (const [guid, address] of all) if (isError(handles.uninstall(id, guid, address))) return INVALID_PARAMETER;
  return SUCCESS;
}

export function handleProtocol(uefi: Uefi, call: Call): Result { return open(uefi, call, { agent: uefi.images.firmware, controller: 0n, attributes: OPEN.byHandle }); }
export function openProtocol(uefi: Uefi, call: Call): Result { return open(uefi, call, { agent: call.raw(3), controller: call.raw(4), attributes: call.u32(5) }); }

function open({ handles }: Uefi, call: Call, opener: { readonly agent: bigint; readonly controller: bigint; readonly attributes: number }): Result {
  const id = call.raw(0), { attributes } = opener;
  if (handles.find(id) === undefined || (attributes & ~KNOWN_ATTRIBUTES) !== 0 || attributes === 0) return INVALID_PARAMETER;
  if ((attributes & (OPEN.byChild | OPEN.byDriver | OPEN.exclusive)) !== 0 && handles.find(opener.agent) === undefined) return INVALID_PARAMETER;
  const isTest = attributes === OPEN.test;
  if (!isTest) call.memory.requireWritable(call.pointer(2), 8);
  const result = handles.open(id, call.guid(1), opener);
  if (!isTest) call.memory.put64(call.raw(2), result.interface);
  return result.status;
}

export function closeProtocol({ handles }: Uefi, call: Call): Result { return handles.find(call.raw(0)) === undefined ? INVALID_PARAMETER : handles.close(call.raw(0), call.guid(1), call.raw(2), call.raw(3)); }

export function openProtocolInformation(uefi: Uefi, call: Call): Result {
  const protocol = uefi.handles.protocol(call.raw(0), call.guid(1));
  if (protocol === undefined) return NOT_FOUND;
  const { openers } = protocol, bytes = new DataView(new ArrayBuffer(24 * openers.length));
  openers.forEach(({ agent, controller, attributes, count }, n) => {
    bytes.setBigUint64(24 * n, agent, true);
    bytes.setBigUint64(24 * n + 8, controller, true);
    bytes.setUint32(24 * n + 16, attributes, true);
    bytes.setUint32(24 * n + 20, count, true);
  });
  return give(uefi, call, new Uint8Array(bytes.buffer), call.pointer(2), call.pointer(3), openers.length);
}

export function protocolsPerHandle(uefi: Uefi, call: Call): Result {
  const handle = uefi.handles.find(call.raw(0)), { memory } = call;
  if (handle === undefined) return INVALID_PARAMETER;
  // The GUIDs themselves come after the list of pointers to them, all in one pool.
  const count = handle.protocols.length, status = give(uefi, call, new Uint8Array(24 * count), call.pointer(1), call.pointer(2), count);
  if (status !== SUCCESS) return status;
  const list = memory.u64(call.raw(1));
  handle.protocols.forEach(({ guid }, n) => {
    const at = list + BigInt(8 * count + 16 * n);
    memory.put64(list + BigInt(8 * n), at);
    memory.putGuid(at, guid);
  });
  return SUCCESS;
}

export function registerProtocolNotify({ handles, events }: Uefi, call: Call): Result {
  if (events.find(call.raw(1)) === undefined) return INVALID_PARAMETER;
  call.memory.put64(call.pointer(2), handles.register(call.guid(0), call.raw(1)));
  return SUCCESS;
}

/** Undefined for a question that makes no sense. */
function located({ handles }: Uefi, call: Call): readonly bigint[] | undefined {
  const kind = call.u32(0), ids = (list: readonly Handle[]) => list.map(({ id }) => id);
  if (kind === ALL_HANDLES) return ids(handles.all);
  if (kind === BY_PROTOCOL) return ids(handles.having(call.guid(1)));
  if (kind !== BY_REGISTER_NOTIFY || !handles.isRegistration(call.pointer(2))) return undefined;
  const next = handles.takeNew(call.raw(2));
  return next === undefined ? [] : [next];
}

const handleBytes = (ids: readonly bigint[]) => new Uint8Array(BigUint64Array.from(ids).buffer);

export function locateHandle(uefi: Uefi, call: Call): Result {
  const ids = located(uefi, call), sizeAt = call.pointer(3), { memory } = call;
  if (ids === undefined) return INVALID_PARAMETER;
  if (ids.length === 0) return NOT_FOUND;
  const room = Number(memory.u64(sizeAt));
  memory.put64(sizeAt, BigInt(8 * ids.length));
  if (room < 8 * ids.length) return BUFFER_TOO_SMALL;
  memory.write(call.pointer(4), handleBytes(ids));
  return SUCCESS;
}

export function locateHandleBuffer(uefi: Uefi, call: Call): Result {
  const countAt = call.pointer(3), bufferAt = call.pointer(4), ids = located(uefi, call);
  if (ids === undefined) return INVALID_PARAMETER;
  if (ids.length > 0) return give(uefi, call, handleBytes(ids), bufferAt, countAt, ids.length);
  call.memory.put64(countAt, 0n);
  call.memory.put64(bufferAt, 0n);
  return NOT_FOUND;
}

/** The first interface there is, or the first new one of a registration. */
export function locateProtocol({ handles }: Uefi, call: Call): Result {
  const guid = call.guid(0), key = call.raw(1), to = call.pointer(2), id = key === 0n ? handles.having(guid)[0]?.id : handles.takeNew(key);
  const found = id === undefined ? undefined : handles.protocol(id, guid);
  call.memory.put64(to, found?.interface ?? 0n);
  return found === undefined ? NOT_FOUND : SUCCESS;
}

/** The handle with the protocol whose path the given one begins with most of; the path is moved to what is left of it. */
export function locateDevicePath(uefi: Uefi, call: Call): Result {
  const guid = call.guid(0), pathAtAddress = call.pointer(1), to = call.raw(2), { memory } = call, address = memory.u64(pathAtAddress), path = address === 0n ? undefined : pathAt(memory, address);
  if (path === undefined) return INVALID_PARAMETER;
  const best = uefi.longestMatch(guid, path);
  if (best === undefined) return NOT_FOUND;
  if (to === 0n) return INVALID_PARAMETER;
  memory.put64(to, best.handle);
  memory.put64(pathAtAddress, address + BigInt(pathBytes(path.slice(0, best.nodes)).length - 4));
  return SUCCESS;
}

export function connectController({ handles }: Uefi, call: Call): Result { return handles.find(call.raw(0)) === undefined ? INVALID_PARAMETER : SUCCESS; }
export function disconnectController({ handles }: Uefi, call: Call): Result { return handles.find(call.raw(0)) === undefined ? INVALID_PARAMETER : SUCCESS; }

/** A list in a pool of its own, which its caller frees. */
function give({ map }: Uefi, { memory }: Call, bytes: Uint8Array, bufferAt: bigint, countAt: bigint, count: number): bigint {
  memory.requireWritable(bufferAt, 8);
  memory.requireWritable(countAt, 8);
  const start = map.allocatePool(MEMORY.bootServicesData, Math.max(1, bytes.length));
  if (start === undefined) return OUT_OF_RESOURCES;
  memory.write(BigInt(start), bytes);
  memory.put64(bufferAt, BigInt(start));
  memory.put64(countAt, BigInt(count));
  return SUCCESS;
}

export function installConfigurationTable(uefi: Uefi, call: Call): Result { return uefi.tables.configure(call.guid(0), call.raw(1)); }
