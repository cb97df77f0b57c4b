/** Event, timer and task priority services (UEFI 2.10, 7.1). */
import type { Call, Result } from '../call.ts';
import { TPL } from '../events.ts';
import { INVALID_PARAMETER, NOT_READY, SUCCESS, UNSUPPORTED } from '../status.ts';
import type { Uefi } from '../uefi.ts';

/** How often somebody else's events are asked for while a guest waits. */
const ASK_NS = 1_000_000;

export function raiseTpl({ events }: Uefi, call: Call): Result {
  const old = events.tpl;
  events.tpl = Math.max(old, Math.min(TPL.highLevel, call.u32(0)));
  return BigInt(old);
}

export function restoreTpl({ events }: Uefi, call: Call): Result {
  events.tpl = Math.min(events.tpl, Math.max(TPL.application, call.u32(0)));
  return SUCCESS;
}

export function createEvent(uefi: Uefi, call: Call): Result { return create(uefi, call, call.pointer(4), undefined); }
export function createEventEx(uefi: Uefi, call: Call): Result { return create(uefi, call, call.pointer(5), call.raw(4) === 0n ? undefined : call.guid(4)); }

function create({ events }: Uefi, call: Call, to: bigint, group: string | undefined): Result {
  call.memory.requireWritable(to, 8);
  const id = events.create({ type: call.u32(0), tpl: call.u32(1), notify: call.raw(2), context: call.raw(3), group });
  if (id === undefined) return INVALID_PARAMETER;
  call.memory.put64(to, id);
  return SUCCESS;
}

export function setTimer({ events, nowNs }: Uefi, call: Call): Result { return events.setTimer(call.raw(0), call.u32(1), call.number(2), nowNs); }
export function signalEvent({ events }: Uefi, call: Call): Result { return events.signal(call.raw(0)); }
export function closeEvent({ events, handles }: Uefi, call: Call): Result {
  handles.unregister(call.raw(0));
  return events.close(call.raw(0));
}

export function checkEvent(uefi: Uefi, call: Call): Result {
  const { events } = uefi, event = events.find(call.raw(0));
  if (event === undefined || events.isCalledWhenSignaled(event)) return INVALID_PARAMETER;
  if (events.take(event, uefi.hasKey)) return SUCCESS;
  if (!events.isCalledToWait(event) || uefi.waited !== undefined) return uefi.notYet(NOT_READY);
  events.askOwner(event);
  return { untilNs: uefi.nowNs };
}

export function waitForEvent(uefi: Uefi, call: Call): Result {
  const { events, nowNs } = uefi, count = call.number(0), list = call.pointer(1), index = call.pointer(2);
  if (count === 0 || count > 4096) return INVALID_PARAMETER;
  if (events.tpl !== TPL.application) return UNSUPPORTED;
  let isAsked = false;
  for (let n = 0; n < count; n++) {
    const event = events.find(call.memory.u64(list + BigInt(8 * n)));
    const isBad = event === undefined || events.isCalledWhenSignaled(event);
    if (isBad || events.take(event, uefi.hasKey)) {
      call.memory.put64(index, BigInt(n));
      return isBad ? INVALID_PARAMETER : SUCCESS;
    }
    if (events.isCalledToWait(event)) { events.askOwner(event); isAsked = true; }
  }
  return { untilNs: isAsked ? nowNs + ASK_NS : Infinity };
}

/** Microseconds. */
export function stall(uefi: Uefi, call: Call): Result {
  const untilNs = uefi.waited ?? uefi.nowNs + call.number(0) * 1000;
  return uefi.nowNs >= untilNs ? SUCCESS : { untilNs };
}

