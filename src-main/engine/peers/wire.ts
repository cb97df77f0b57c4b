/** What two engines tell each other besides machines, each parsed by its schema before anything is done with it. */
import * as v from 'valibot';
import { EngineError } from '../../../shared/base/errors.ts';
import type { ArrivalId, HostId, VmId } from '../../../shared/base/ids.ts';
import type { Message, Phrase } from '../../../shared/base/phrase.ts';
import { BOOT_DRILLS, BOOT_ENDS, BOOT_STAGES } from '../../../shared/model/boot-watchdog.ts';
import { EfiVariable } from '../../../shared/model/efi.ts';
import { GIC_VERSIONS } from '../../../shared/model/host.ts';
import { Notes } from '../../../shared/model/labels.ts';
import { CHECK_GROUPS, MIGRATION_LIMITS } from '../../../shared/model/migration.ts';
import { ObjectName } from '../../../shared/model/object-name.ts';
import { VmSpec } from '../../../shared/model/vm.ts';

/** To be raised whenever what engines say to each other changes its meaning; what is in a machine has a format of its own. */
export const PEER_PROTOCOL = 'quarterdeck-peer', PEER_VERSION = 1;

const text = (most: number) => v.pipe(v.string(), v.maxLength(most));
const count = v.pipe(v.number(), v.integer(), v.minValue(0));

/** Phrases in phrases, so deep at most. */
const DEPTH = 8;
function isPhrase(value: unknown, depth = DEPTH): value is Phrase {
  if (typeof value !== 'object' || value === null || depth === 0) return false;
  const { text: words, values, count: n } = value as Partial<Phrase>;
  return typeof words === 'string' && words.length <= 4096 && Array.isArray(values) && values.length <= 32 && (n === undefined || typeof n === 'number')
    && values.every(each => typeof each === 'string' || typeof each === 'number' || isPhrase(each, depth - 1));
}
const MessageFields = { message: text(8192), phrase: v.optional(v.custom<Phrase>(value => isPhrase(value))) };
const MessageOf = v.object(MessageFields);

export const Hello = v.object({ protocol: text(64), version: count, machines: count, build: text(128) });
export type Hello = v.InferOutput<typeof Hello>;

const Id = v.pipe(v.string(), v.regex(/^[a-z]+-[0-9a-f]{12,64}$/));
const ArrivalOf = v.pipe(Id, v.transform(id => id as ArrivalId)), VmOf = v.pipe(Id, v.transform(id => id as VmId)), HostOf = v.pipe(text(64), v.transform(id => id as HostId));

const BootRecord = v.object({
  attempts: v.pipe(v.array(v.object({
    number: count, startedMs: v.number(), bank: text(64), bankName: text(80), afterWatchdog: v.boolean(), drill: v.optional(v.picklist(BOOT_DRILLS)), stages: v.array(v.object({ stage: v.picklist(BOOT_STAGES), atNs: v.number() })),
    end: v.optional(v.object({ cause: v.picklist(BOOT_ENDS), atNs: v.number(), why: v.optional(MessageOf) })),
  })), v.maxLength(100)),
  bank: text(64), good: v.array(text(64)), failures: count, fellBack: v.optional(v.object({ from: text(64), to: text(64), atMs: v.number() })), drill: v.optional(v.picklist(BOOT_DRILLS)),
});

/** What of a VM is not in its machine. Tags and attributes go by their names. */
export const VmRecord = v.object({
  id: VmOf, spec: VmSpec, createdMs: v.number(), poweredOnMs: v.optional(v.number()), notes: v.optional(Notes), efiVariables: v.optional(v.pipe(v.array(EfiVariable), v.maxLength(4096))), boot: v.optional(BootRecord),
  tags: v.pipe(v.array(v.object({ category: ObjectName, name: ObjectName })), v.maxLength(256)), attributes: v.pipe(v.array(v.object({ name: ObjectName, value: text(1024) })), v.maxLength(256)),
});
export type VmRecord = v.InferOutput<typeof VmRecord>;

/** A file that both engines have to see. One that is written to is known by what was put into a file beside it, others by what is in them. */
export const SharedFile = v.variant('by', [
  v.object({ by: v.literal('token'), path: text(4096), token: v.pipe(v.string(), v.regex(/^\.quarterdeck-[0-9a-f]{32}$/)), contents: text(128) }),
  v.object({ by: v.literal('contents'), path: text(4096), sizeBytes: count, digest: text(128) }),
]);
export type SharedFile = v.InferOutput<typeof SharedFile>;

/** A VM that is to move, and where to. */
const Offer = { record: VmRecord, isRunning: v.boolean(), hostId: HostOf, from: v.object({ name: ObjectName, counterHz: v.number(), gic: v.picklist(GIC_VERSIONS) }), files: v.pipe(v.array(SharedFile), v.maxLength(1024)), downtimeMs: v.optional(v.pipe(v.number(), v.maxValue(MIGRATION_LIMITS.downtimeMs.max))) };
export const VmOffer = v.object(Offer);
export type VmOffer = v.InferOutput<typeof VmOffer>;

export const Ask = v.variant('ask', [
  v.object({ ask: v.literal('hosts') }),
  v.object({ ask: v.literal('checks'), ...Offer }),
  v.object({ ask: v.literal('move'), id: ArrivalOf, ...Offer }),
  /** Whether a VM that was given to it is its own now. If not, it never will be. */
  v.object({ ask: v.literal('outcome'), id: ArrivalOf }),
  /** Who gave a VM has heard what became of it, and will not ask. */
  v.object({ ask: v.literal('heard'), id: ArrivalOf }),
]);
export type Ask = v.InferOutput<typeof Ask>;

export const Hosts = v.pipe(v.array(v.object({ id: HostOf, name: ObjectName, model: text(80), cpus: count, memoryMib: count })), v.maxLength(10_000));
export const Checks = v.pipe(v.array(v.object({ ...MessageFields, name: text(64), group: v.picklist(CHECK_GROUPS), severity: v.picklist(['warning', 'error']) })), v.maxLength(256));
export const Outcome = v.object({ taken: v.boolean() });

export function jsonIn<S extends v.GenericSchema>(schema: S, payload: Uint8Array): v.InferOutput<S> {
  let value: unknown;
  try { value = JSON.parse(Buffer.from(payload).toString()); } catch { /* it fits no schema */ }
  const result = v.safeParse(schema, value, { abortEarly: true });
  if (!result.success) throw new EngineError('peer.damaged', 'What came from the other engine is damaged.');
  return result.output;
}

/** What was refused, or nothing when it is no message. */
export function messageIn(payload: Uint8Array): Message | undefined {
  try {
    const { message, phrase } = jsonIn(MessageOf, payload);
    return { message, ...(phrase && { phrase }) };
  } catch { return undefined; }
}
