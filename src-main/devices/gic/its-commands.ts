/** The commands of an ITS (IHI 0069, 5.3.x), each the words of 32 bytes. */
import { hex } from '../../memory/region.ts';
import { FIRST_LPI } from './interrupt.ts';
import type { Its, ItsDevice, ItsEvent } from './its.ts';
import { LPI_END } from './lpis.ts';

/** Events that can be mapped in all: as many as there are LPIs, whatever the guest's tables could hold. */
const MAX_EVENTS = LPI_END;

/** The fields that commands have in common. */
interface Fields {
  readonly device: number;
  readonly event: number;
  readonly intid: number;
  readonly collection: number;
  readonly cpu: number;
  readonly otherCpu: number;
  readonly eventBits: number;
  readonly valid: boolean;
}
type Problem = string | undefined;
type Command = (its: Its, fields: Fields) => Problem;

const COMMANDS: Readonly<Record<number, readonly [name: string, run: Command]>> = {
  0x01: ['MOVI', (its, f) => withEvent(its, f, (event) => {
    const cpu = its.now.collections.get(f.collection);
    if (cpu === undefined) return `collection ${f.collection} is not mapped`;
    event.collection = f.collection;
    its.io.lpis.move(event.intid, cpu);
    return undefined;
  })],
  0x03: ['INT', (its, f) => withEvent(its, f, (event) => { its.io.lpis.raise(event.intid); return undefined; })],
  0x04: ['CLEAR', (its, f) => withEvent(its, f, (event) => { its.io.lpis.clear(event.intid); return undefined; })],
  0x05: ['SYNC', () => undefined],
  0x08: ['MAPD', mapDevice],
  0x09: ['MAPC', mapCollection],
  0x0a: ['MAPTI', (its, f) => mapEvent(its, f, f.intid)],
  0x0b: ['MAPI', (its, f) => mapEvent(its, f, f.event)],
  0x0c: ['INV', (its, f) => withEvent(its, f, (event) => { its.io.lpis.reconfigure(event.intid); return undefined; })],
  0x0d: ['INVALL', (its, f) => {
    const cpu = its.now.collections.get(f.collection);
    if (cpu === undefined) return `collection ${f.collection} is not mapped`;
    its.io.lpis.reconfigureAll(cpu);
    return undefined;
  }],
  0x0e: ['MOVALL', (its, f) => {
    if (f.cpu >= its.io.cpus || f.otherCpu >= its.io.cpus) return 'there is no such CPU';
    its.io.lpis.moveAll(f.cpu, f.otherCpu);
    return undefined;
  }],
  0x0f: ['DISCARD', (its, f) => withEvent(its, f, (event, device) => {
    its.io.lpis.discard(event.intid);
    device.events.delete(f.event);
  })],
};

/** Runs one command and says what is wrong with it, if anything. */
export function runCommand(its: Its, bytes: Uint8Array): Problem {
  const words = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const word = (index: number) => words.getUint32(4 * index, true);
  const number = word(0) & 0xff;
  const command = COMMANDS[number];
  if (command === undefined) return `command ${hex(number)} is unknown`;
  const problem = command[1](its, {
    device: word(1), event: word(2), intid: word(3), collection: word(4) & 0xffff, eventBits: (word(2) & 0x1f) + 1,
    cpu: cpuIn(word(4), word(5)), otherCpu: cpuIn(word(6), word(7)), valid: word(5) >>> 31 !== 0,
  });
  return problem === undefined ? undefined : `${command[0]}: ${problem}`;
}

const cpuIn = (low: number, high: number) => (high & 0xffff) * 2 ** 16 + (low >>> 16);

function withEvent(its: Its, f: Fields, act: (event: ItsEvent, device: ItsDevice) => Problem): Problem {
  const device = its.now.devices.get(f.device);
  const event = device?.events.get(f.event);
  if (event === undefined) return `event ${hex(f.event)} of device ${hex(f.device)} is not mapped`;
  return act(event, device!);
}

function mapDevice(its: Its, f: Fields): Problem {
  if (!its.tableHolds(0, f.device)) return `device ${hex(f.device)} is beyond the table`;
  if (f.valid && f.eventBits > 16) return 'too many events';
  for (const { intid } of its.now.devices.get(f.device)?.events.values() ?? []) its.io.lpis.discard(intid);
  if (f.valid) its.now.devices.set(f.device, { eventCount: 2 ** f.eventBits, events: new Map() });
  else its.now.devices.delete(f.device);
  return undefined;
}

function mapCollection(its: Its, f: Fields): Problem {
  if (!its.tableHolds(1, f.collection)) return `collection ${f.collection} is beyond the table`;
  if (!f.valid) { its.now.collections.delete(f.collection); return undefined; }
  if (f.cpu >= its.io.cpus) return 'there is no such CPU';
  its.now.collections.set(f.collection, f.cpu);
  for (const device of its.now.devices.values()) {
    for (const event of device.events.values()) if (event.collection === f.collection) its.io.lpis.move(event.intid, f.cpu);
  }
  return undefined;
}

function mapEvent(its: Its, f: Fields, intid: number): Problem {
  const device = its.now.devices.get(f.device);
  const cpu = its.now.collections.get(f.collection);
  if (device === undefined) return `device ${hex(f.device)} is not mapped`;
  if (f.event >= device.eventCount) return `event ${hex(f.event)} is beyond the device's table`;
  if (intid < FIRST_LPI || intid >= LPI_END) return `${intid} is not an LPI`;
  if (!its.tableHolds(1, f.collection)) return `collection ${f.collection} is beyond the table`;
  if (!device.events.has(f.event) && eventCount(its) >= MAX_EVENTS) return 'too many events are mapped';
  device.events.set(f.event, { intid, collection: f.collection });
  its.io.lpis.map(intid, cpu ?? 0);
  return undefined;
}

const eventCount = (its: Its) => [...its.now.devices.values()].reduce((sum, device) => sum + device.events.size, 0);
