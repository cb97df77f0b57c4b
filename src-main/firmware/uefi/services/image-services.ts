/** Image services (UEFI 2.10, 7.4), the hand-over to an OS, and the watchdog that UEFI has of its own (7.5). */
import { ELSEWHERE, type Answer, type Call, type Result } from '../call.ts';
import { pathAt } from '../device-path.ts';
import { INVALID_PARAMETER, NOT_FOUND, SUCCESS, UNSUPPORTED } from '../status.ts';
import type { Uefi } from '../uefi.ts';

const LARGEST = 2 ** 30;

export async function loadImage(uefi: Uefi, call: Call): Promise<Result> {
  const parent = call.raw(1), pathAddress = call.raw(2), source = call.raw(3), to = call.pointer(5), { memory } = call;
  if (uefi.images.find(parent) === undefined && parent !== uefi.images.firmware) return INVALID_PARAMETER;
  if (pathAddress === 0n && source === 0n) return NOT_FOUND;
  memory.requireWritable(to, 8);
  const path = pathAddress === 0n ? [] : pathAt(memory, pathAddress);
  if (path === undefined) return INVALID_PARAMETER;
  const place = uefi.placeOf(path);
  if (source !== 0n && call.number(4) > LARGEST) return INVALID_PARAMETER;
  const file = source === 0n ? await uefi.readFileAt(path) : memory.bytes(source, call.number(4));
  memory.put64(to, uefi.images.load(file, { device: place?.device ?? 0n, file: place?.rest ?? path, path, parent }));
  return SUCCESS;
}

export function startImage(uefi: Uefi, call: Call): Result {
  const image = uefi.images.find(call.raw(0));
  if (image === undefined || image.isStarted) return INVALID_PARAMETER;
  uefi.images.start(call.cpu, image, [call.raw(1), call.raw(2)]);
  return ELSEWHERE;
}

export function exit(uefi: Uefi, call: Call): Result {
  const handle = call.raw(0), image = uefi.images.find(handle), { cpu } = call, status = call.raw(1);
  if (image === undefined) return INVALID_PARAMETER;
  // One that was not started yet is only taken out of memory.
  if (!image.isStarted) { uefi.images.unload(handle); return SUCCESS; }
  const ended = uefi.images.exit(cpu, handle, status, [call.raw(2), call.raw(3)]);
  if (ended === undefined) return INVALID_PARAMETER;
  if (ended.isOutermost) uefi.imageEnded(cpu, status);
  return ELSEWHERE;
}

export function unloadImage(uefi: Uefi, call: Call): Result {
  const image = uefi.images.find(call.raw(0));
  if (image === undefined) return INVALID_PARAMETER;
  if (image.isStarted) return UNSUPPORTED;
  uefi.images.unload(image.handle);
  return SUCCESS;
}

/** Whoever wants to hear of it does so first; then there are only runtime services. */
export function exitBootServices(uefi: Uefi, call: Call): Answer {
  if (uefi.images.find(call.raw(0)) === undefined) return INVALID_PARAMETER;
  return uefi.exitBootServices(call.raw(1));
}

/** It is the machine's own; 0 seconds switch it off until the hand-over. */
export function setWatchdogTimer({ io: { watchdog } }: Uefi, call: Call): Result {
  const seconds = call.number(0);
  if (seconds === 0) watchdog.disable();
  else watchdog.enable(seconds * 1e9);
  return SUCCESS;
}

