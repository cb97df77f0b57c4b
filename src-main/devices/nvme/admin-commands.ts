/** The admin commands that drivers need (NVM Express 1.4, chapter 5). Left out: firmware update, formatting, security, namespace management, self-test. */
import {
  done, INVALID_COMPLETION_QUEUE, INVALID_FIELD, INVALID_LOG_PAGE, INVALID_NAMESPACE, INVALID_OPCODE, INVALID_PRP, INVALID_QUEUE, INVALID_QUEUE_SIZE, INVALID_VECTOR,
  NOT_SAVEABLE, OK, QUEUE_HAS_SUBMISSION_QUEUES, refused, TOO_MANY_EVENT_REQUESTS, type Command, type Outcome,
} from './command.ts';
import * as identify from './identify.ts';
import type { Nvme } from './nvme.ts';
import { extentsOf, writeExtents } from './prp.ts';

/** Queues besides the admin queue, of either kind. */
export const IO_QUEUES = 8;
const CONTIGUOUS = 1, WITH_INTERRUPTS = 2, SAVE = 1 << 31;
const LOG_BYTES_MOST = 4096;

const WRITE_CACHE = 0x06, NUMBER_OF_QUEUES = 0x07, VECTOR_CONFIGURATION = 0x09;
/** Features and what they are after reset. */
export const FEATURES: Readonly<Record<number, number>> = { 0x01: 0, 0x02: 0, 0x04: 343, 0x05: 0, [WRITE_CACHE]: 1, [NUMBER_OF_QUEUES]: (IO_QUEUES - 1) << 16 | IO_QUEUES - 1, 0x08: 0, [VECTOR_CONFIGURATION]: 0, 0x0a: 0, 0x0b: 0 };
export const hasWriteCache = (features: ReadonlyMap<number, number>): boolean => features.get(WRITE_CACHE) !== 0;

type AdminCommand = (controller: Nvme, command: Command) => Outcome | undefined;

/** No outcome: an event will complete it. */
const COMMANDS: Readonly<Record<number, AdminCommand>> = {
  0x00: deleteSubmissionQueue, 0x01: createSubmissionQueue, 0x02: getLogPage, 0x04: deleteCompletionQueue, 0x05: createCompletionQueue,
  0x06: identifyCommand, 0x08: () => ({ status: OK, result: 1 }), 0x09: setFeatures, 0x0a: getFeatures, 0x0c: requestEvent,
};

export function runAdminCommand(controller: Nvme, command: Command): Outcome | undefined {
  if (command.flags !== 0) return refused(INVALID_FIELD);
  const run = COMMANDS[command.opcode];
  return run === undefined ? refused(INVALID_OPCODE) : run(controller, command);
}

function give(controller: Nvme, command: Command, bytes: Uint8Array): Outcome {
  const extents = extentsOf(controller.dma, command, bytes.length, controller.pageBytes);
  return extents !== undefined && writeExtents(controller.dma, extents, bytes) ? done : refused(INVALID_PRP);
}

function identifyCommand(controller: Nvme, command: Command): Outcome {
  const { namespace: number } = command, { media, serial } = controller, medium = media[number - 1], name = `${serial} ${number}`;
  switch (command.dword(10) & 0xff) {
    case 0x00: case 0x11: return number < 1 || number > identify.NAMESPACES ? refused(INVALID_NAMESPACE) : give(controller, command, identify.namespace(medium, name));
    case 0x01: return give(controller, command, identify.controller(serial));
    case 0x02: case 0x10: return give(controller, command, identify.namespaceList(media.map((_, n) => n + 1), number));
    case 0x03: return medium === undefined ? refused(INVALID_NAMESPACE) : give(controller, command, identify.descriptors(name));
    default: return refused(INVALID_FIELD);
  }
}

function getLogPage(controller: Nvme, command: Command): Outcome {
  const pages: Readonly<Record<number, () => Uint8Array>> = { 1: () => new Uint8Array(64), 2: identify.health, 3: identify.firmware, 4: () => new Uint8Array(4096) };
  const make = pages[command.dword(10) & 0xff], length = ((command.dword(10) >>> 16) + (command.dword(11) & 0xffff) * 2 ** 16 + 1) * 4, offset = command.dword(12);
  if (make === undefined) return refused(INVALID_LOG_PAGE);
  const page = make(), bytes = new Uint8Array(Math.min(length, LOG_BYTES_MOST));
  if (offset > page.length || command.dword(13) !== 0) return refused(INVALID_FIELD);
  bytes.set(page.subarray(offset, offset + bytes.length));
  return give(controller, command, bytes);
}

function getFeatures(controller: Nvme, command: Command): Outcome {
  const feature = command.dword(10) & 0xff, value = (command.dword(10) >>> 8 & 7) === 0 ? controller.features.get(feature) : FEATURES[feature];
  return value === undefined ? refused(INVALID_FIELD) : { status: OK, result: feature === VECTOR_CONFIGURATION ? command.dword(11) & 0xffff : value };
}

function setFeatures(controller: Nvme, command: Command): Outcome {
  const feature = command.dword(10) & 0xff, fixed = controller.features.get(feature);
  if (fixed === undefined) return refused(INVALID_FIELD);
  if ((command.dword(10) & SAVE) !== 0) return refused(NOT_SAVEABLE);
  // As many queues as there are, whatever was asked for.
  if (feature === NUMBER_OF_QUEUES) return { status: OK, result: fixed };
  controller.features.set(feature, command.dword(11));
  return done;
}

function requestEvent(controller: Nvme, command: Command): Outcome | undefined {
  return controller.takeEventRequest(command.id) ? undefined : refused(TOO_MANY_EVENT_REQUESTS);
}

interface QueueFields { readonly number: number; readonly size: number; readonly problem: number | undefined }

function queueOf(controller: Nvme, command: Command, exists: (number: number) => boolean): QueueFields {
  const number = command.dword(10) & 0xffff, size = (command.dword(10) >>> 16) + 1;
  const problem = number === 0 || number > IO_QUEUES || exists(number) ? INVALID_QUEUE
    : size < 2 || size > controller.queueSizeMost ? INVALID_QUEUE_SIZE
      : (command.dword(11) & CONTIGUOUS) === 0 ? INVALID_FIELD : command.prp1 % controller.pageBytes !== 0 ? INVALID_PRP : undefined;
  return { number, size, problem };
}

function createCompletionQueue(controller: Nvme, command: Command): Outcome {
  const { number, size, problem } = queueOf(controller, command, n => controller.completions.has(n)), vector = command.dword(11) >>> 16;
  if (problem !== undefined) return refused(problem);
  if (vector >= controller.vectors) return refused(INVALID_VECTOR);
  controller.completions.set(number, { base: command.prp1, size, head: 0, tail: 0, phase: 1, vector, interrupts: (command.dword(11) & WITH_INTERRUPTS) !== 0, waiting: [] });
  return done;
}

function createSubmissionQueue(controller: Nvme, command: Command): Outcome {
  const { number, size, problem } = queueOf(controller, command, n => controller.submissions.has(n)), completion = command.dword(11) >>> 16;
  if (completion === 0 || !controller.completions.has(completion)) return refused(INVALID_COMPLETION_QUEUE);
  if (problem !== undefined) return refused(problem);
  controller.submissions.set(number, { base: command.prp1, size, head: 0, tail: 0, completion });
  return done;
}

function deleteCompletionQueue(controller: Nvme, command: Command): Outcome {
  const number = command.dword(10) & 0xffff;
  if (number === 0 || !controller.completions.has(number)) return refused(INVALID_QUEUE);
  if ([...controller.submissions.values()].some(({ completion }) => completion === number)) return refused(QUEUE_HAS_SUBMISSION_QUEUES);
  controller.completions.delete(number);
  return done;
}

function deleteSubmissionQueue(controller: Nvme, command: Command): Outcome {
  const number = command.dword(10) & 0xffff;
  return number !== 0 && controller.dropSubmissionQueue(number) ? done : refused(INVALID_QUEUE);
}
