/** Protocols of a function or two: random numbers (UEFI 2.10, 37.5), paths as text (10.6), and the initrd that a kernel without a boot loader asks for. */
import { nodeAt, pathAt, pathBytes, pathText, vendorMedia } from '../device-path.ts';
import type { EfiFunction } from '../functions.ts';
import { GUID } from '../guid.ts';
import { textBytes } from '../guest-memory.ts';
import { BUFFER_TOO_SMALL, INVALID_PARAMETER, NOT_FOUND, SUCCESS, UNSUPPORTED } from '../status.ts';
import type { Uefi } from '../uefi.ts';

const RANDOM_MOST = 0x1_0000;

export function installSmall(uefi: Uefi, handle: bigint): void {
  uefi.handles.install(handle, GUID.rng, uefi.interface(['RngGetInfo', 'RngGetRng']));
  uefi.handles.install(handle, GUID.devicePathToText, uefi.interface(['DeviceNodeToText', 'DevicePathToText']));
}

/** What Linux's EFI stub looks for: Load File 2 on a path of that name (Documentation/admin-guide/efi-stub). */
export function installInitrd(uefi: Uefi): void {
  const { id } = uefi.handles.install(0n, GUID.loadFile2, uefi.interface(['InitrdLoadFile']));
  uefi.handles.install(id, GUID.devicePath, uefi.place(pathBytes([vendorMedia(GUID.linuxInitrdMedia)])));
}

export const SMALL_FUNCTIONS: Readonly<Record<string, EfiFunction>> = {
  RngGetInfo: (_, call) => {
    const sizeAt = call.pointer(1), room = Number(call.memory.u64(sizeAt));
    call.memory.put64(sizeAt, 16n);
    if (room < 16) return BUFFER_TOO_SMALL;
    call.memory.putGuid(call.pointer(2), GUID.rngRaw);
    return SUCCESS;
  },
  RngGetRng: (uefi, call) => {
    const length = call.number(2);
    if (call.raw(1) !== 0n && call.guid(1) !== GUID.rngRaw) return UNSUPPORTED;
    if (length === 0 || length > RANDOM_MOST) return INVALID_PARAMETER;
    call.memory.write(call.pointer(3), uefi.io.random(length));
    return SUCCESS;
  },
  /** Addresses of texts, or 0. */
  DeviceNodeToText: (uefi, call) => {
    const at = call.raw(0), node = at === 0n ? undefined : nodeAt(call.memory, at);
    return node === undefined ? 0n : uefi.give(textBytes(pathText([node])));
  },
  DevicePathToText: (uefi, call) => {
    const at = call.raw(0), path = at === 0n ? undefined : pathAt(call.memory, at);
    return path === undefined ? 0n : uefi.give(textBytes(pathText(path)));
  },
  InitrdLoadFile: (uefi, call) => {
    const sizeAt = call.pointer(3), to = call.raw(4), initrd = uefi.io.direct()?.initrd, isBoot = call.bool(2);
    if (isBoot) return UNSUPPORTED;
    if (initrd === undefined) return NOT_FOUND;
    const bytes = initrd(), room = Number(call.memory.u64(sizeAt));
    call.memory.put64(sizeAt, BigInt(bytes.length));
    if (to === 0n || room < bytes.length) return BUFFER_TOO_SMALL;
    call.memory.write(to, bytes);
    return SUCCESS;
  },
};
