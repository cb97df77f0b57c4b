import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { TaskId, VmId } from '../../shared/base/ids.ts';
import { say } from '../../shared/base/phrase.ts';
import type { Host } from '../../shared/model/host.ts';
import type { InventoryObject } from '../../shared/model/objects.ts';
import type { ObjectRef, Task } from '../../shared/model/task.ts';
import type { Vm } from '../../shared/model/vm.ts';
import { InventoryDatabase, type NewEvent } from './database.ts';
import { FIRST_OBJECTS } from './first-objects.ts';
import { UPGRADES } from './schema.ts';

let folder: string, path: string;
beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'inventory-')); path = join(folder, 'inventory.db'); });
afterEach(() => rmSync(folder, { recursive: true }));

const host = FIRST_OBJECTS.flatMap(each => (each.kind === 'host' ? [each.object] : []))[0] as Host;
const vm: Vm = { id: 'vm-1' as VmId, hostId: host.id, spec: { name: 'web-01', cpus: 1, memoryMib: 256, guest: { kind: 'diagnostics' }, disks: [] }, powerState: 'poweredOff', createdMs: 1 };
const OBJECTS: readonly InventoryObject[] = [{ kind: 'host', object: host }, { kind: 'vm', object: vm }];
const target: ObjectRef = { kind: 'vm', id: vm.id, name: 'web-01' };
const event = (message: string): NewEvent => ({ atMs: 5, severity: 'info', type: 'vm.created', message, target });
const task = (id: string, rest: Partial<Task> = {}): Task => ({ id: id as TaskId, name: 'Power on', target, initiator: 'operator', state: 'running', cancelable: false, queuedMs: 1, ...rest });

function reopened<T>(use: (database: InventoryDatabase) => T): T {
  const database = new InventoryDatabase(path);
  try { return use(database); } finally { database.close(); }
}

test('what was committed is there when the file is opened again', () => {
  reopened(db => db.commit([...OBJECTS.map(after => ({ kind: 'object', after }) as const), { kind: 'task', after: task('t1') }, { kind: 'event', event: event('made') }]));
  reopened(db => {
    expect(db.contents()).toEqual({ objects: OBJECTS, unfinished: [task('t1')] });
    expect(db.events({ limit: 9 }).rows).toEqual([{ id: 1, ...event('made') }]);
  });
});

test('a commit that fails halfway leaves nothing', () => {
  reopened(db => {
    expect(() => db.commit([{ kind: 'object', after: { kind: 'vm', object: vm } }, { kind: 'event', event: { ...event('x'), atMs: null as unknown as number } }])).toThrow('The inventory could not be saved');
    expect(db.contents().objects).toEqual([]);
  });
});

test('a file of the first format is brought to this one: its hosts are in a datacenter', () => {
  const old = new DatabaseSync(path), { parent: _, ...before } = host;
  old.exec(`${UPGRADES[0]}; PRAGMA application_id = 0x5164636b; PRAGMA user_version = 1`);
  old.prepare('INSERT INTO hosts VALUES (?, ?)').run(host.id, JSON.stringify(before));
  old.prepare('INSERT INTO vms VALUES (?, ?)').run(vm.id, JSON.stringify(vm));
  old.close();
  reopened(db => expect(db.contents().objects).toEqual([...OBJECTS, FIRST_OBJECTS[0], FIRST_OBJECTS[1], ...FIRST_OBJECTS.filter(({ kind }) => kind === 'alarmDefinition')]));
});

test('events of the formats before had no phrases; those from now on keep theirs', () => {
  const old = new DatabaseSync(path);
  old.exec(`${UPGRADES.slice(0, 4).join('\n')} INSERT INTO events (at_ms, severity, type, message, target_kind, target_id, target_name) VALUES (5, 'info', 'vm.created', 'old', 'vm', 'vm-1', 'web-01'); PRAGMA application_id = 0x5164636b; PRAGMA user_version = 4`);
  old.close();
  const said = { ...event('2 VMs'), phrase: say`${2} VMs` };
  reopened(db => db.commit([{ kind: 'event', event: said }]));
  reopened(db => expect(db.events({ limit: 9 }).rows).toEqual([{ id: 2, ...said }, { id: 1, ...event('old') }]));
});

test('rows come newest first, a page at a time', () => {
  reopened(db => {
    for (const id of ['a', 'b', 'c']) db.commit([{ kind: 'task', after: task(id, { completedMs: 2 }) }]);
    const first = db.tasks(2);
    expect(first.rows.map(row => row.id)).toEqual(['c', 'b']);
    expect(db.tasks(2, first.next)).toEqual({ rows: [task('a', { completedMs: 2 })] });
  });
});

test('events can be asked for by what they are about', () => {
  reopened(db => {
    db.commit([{ kind: 'event', event: event('about the VM') }, { kind: 'event', event: { ...event('about the host'), target: { kind: 'host', id: host.id, name: host.name } } }]);
    expect(db.events({ limit: 9, target }).rows.map(row => row.message)).toEqual(['about the VM']);
  });
});

test.each([
  ['that holds something else', () => { writeFileSync(path, 'my diary\n'.repeat(1000)); }, 'is damaged'],
  ['of another program', () => { const db = new DatabaseSync(path); db.exec('CREATE TABLE diary (entry)'); db.close(); }, 'is not a Quarterdeck inventory.'],
  ['of a newer version', () => { reopened(() => undefined); const db = new DatabaseSync(path); db.exec('PRAGMA user_version = 99'); db.close(); }, 'was written by a newer version of Quarterdeck (format 99;'],
  ['with a page overwritten', () => {
    reopened(db => db.commit(Array.from({ length: 500 }, (_, i) => ({ kind: 'event', event: event(`event ${i}`) }))));
    writeFileSync(path, readFileSync(path).fill(0xa5, 4096 * 3, 4096 * 12));
  }, 'is damaged'],
])('a file %s is refused and left as it is', (_, make, sentence) => {
  make();
  const before = readFileSync(path);
  expect(() => new InventoryDatabase(path)).toThrow(sentence);
  expect(readFileSync(path).equals(before)).toBe(true);
});

test('an inventory that is in use cannot be opened a second time', () => {
  reopened(() => { expect(() => new InventoryDatabase(path)).toThrow(`Another Quarterdeck engine is using ${path}.`); });
});
