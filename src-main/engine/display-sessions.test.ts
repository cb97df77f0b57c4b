/** Sessions at the display of a VM that really runs: what they make of its display and input, and when they suspend and resume it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { HostId, VmId } from '../../shared/base/ids.ts';
import { english, type Phrase } from '../../shared/base/phrase.ts';
import { USUAL_DISPLAY, type ClientProperties, type DisplayConfiguration, type DisplaySpec } from '../../shared/model/display.ts';
import { DisplaySessions } from './display-sessions.ts';
import { openTestClient, type TestClient } from './test-client.ts';

let folder: string, engine: TestClient, sessions: DisplaySessions;
const configured: DisplayConfiguration[] = [];
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sessions-'));
  engine = await openTestClient(folder);
  configured.length = 0;
  sessions = new DisplaySessions(engine.engine, { configure: (_, configuration) => { configured.push(configuration); } });
});
afterEach(async () => {
  sessions.dispose();
  await engine.close();
  rmSync(folder, { recursive: true });
});

const DESKTOP: ClientProperties = { monitors: [{ width: 1920, height: 1080 }], pixelRatio: 1, colourDepth: 24, pointer: 'mouse', keyboardLayout: 'de' };
const PHONE: ClientProperties = { monitors: [{ width: 390, height: 844 }], pixelRatio: 1, colourDepth: 24, pointer: 'touch' };

async function created(display: Partial<DisplaySpec> = {}): Promise<VmId> {
  const task = await engine.ended(await engine.client.api.vms.create({ name: 'shown', cpus: 1, memoryMib: 64, guest: { kind: 'diagnostics' }, disks: [], display: { ...USUAL_DISPLAY, ...display } }, 'host-a' as HostId));
  return task.result?.id as VmId;
}
const ends: string[] = [];
const begin = (id: VmId, properties: ClientProperties, client = 'Console') => sessions.begin(id, { client, kind: 'console', properties, ended: (why: Phrase) => { ends.push(english(why)); } });
/** Resolves when the VM is in the state. */
const becomes = (id: VmId, state: string) => new Promise<void>(resolve => {
  const look = () => { if (engine.engine.inventory.vm(id).powerState === state) { subscription.dispose(); resolve(); } };
  const subscription = engine.engine.inventory.changed.on(look);
  look();
});

test('display and input are what the newest session’s client has; the same properties change nothing', async () => {
  const id = await created({ heads: 2 }), first = begin(id, DESKTOP);
  expect(configured).toEqual([{ pointer: 'mouse', heads: [{ width: 1920, height: 1080, widthMm: 508, heightMm: 286 }] }]);
  begin(id, { ...DESKTOP, keyboardLayout: 'fr' });
  expect(configured).toHaveLength(1);
  const phone = begin(id, PHONE);
  expect(configured.at(-1)).toEqual({ pointer: 'touch', heads: [{ width: 390, height: 844, widthMm: 103, heightMm: 223 }] });
  // Turned, with a finer screen and a second one beside it.
  sessions.update(phone.id, { ...PHONE, pixelRatio: 2, monitors: [{ width: 844, height: 390 }, { width: 500, height: 400 }, { width: 1, height: 1 }] });
  expect(configured.at(-1)?.heads).toEqual([{ width: 1688, height: 780, widthMm: 223, heightMm: 103 }, { width: 1000, height: 800, widthMm: 132, heightMm: 106 }]);
  sessions.close(phone.id);
  expect(configured.at(-1)?.heads[0]).toMatchObject({ width: 1920, height: 1080 });
  sessions.close(first.id);
  expect(sessions.of(id)).toMatchObject({ sessions: [{ client: 'Console' }], counters: { opened: 3, configured: 4, unchanged: 2 } });
});

test('absurd sizes are brought within the limits, and a fixed size stays whatever clients have', async () => {
  const id = await created();
  begin(id, { ...PHONE, monitors: [{ width: -5, height: 1e9 }] });
  expect(configured).toMatchObject([{ heads: [{ width: 320, height: 4095 }] }]);
  const fixed = engine.ended(await engine.client.api.vms.create({ name: 'fixed', cpus: 1, memoryMib: 64, guest: { kind: 'diagnostics' }, disks: [], display: { ...USUAL_DISPLAY, fixedSize: { width: 800, height: 600 } } }, 'host-a' as HostId));
  begin((await fixed).result?.id as VmId, { ...DESKTOP, pointer: 'touch' });
  expect(configured.at(-1)).toMatchObject({ pointer: 'touch', heads: [{ width: 800, height: 600 }] });
});

test('a second client is let in, refused or takes over, as the VM’s rule says, and a VM without a display has no sessions', async () => {
  const shared = await created();
  begin(shared, DESKTOP);
  begin(shared, DESKTOP);
  expect(sessions.of(shared).sessions).toHaveLength(2);
  const one = async (rule: DisplaySpec['sessions'], name: string) => (await engine.ended(await engine.client.api.vms.create({ name, cpus: 1, memoryMib: 64, guest: { kind: 'diagnostics' }, disks: [], display: { ...USUAL_DISPLAY, sessions: rule } }, 'host-a' as HostId))).result?.id as VmId;
  const alone = await one('refuse', 'alone');
  begin(alone, DESKTOP, 'Console of Ada');
  expect(() => begin(alone, PHONE)).toThrow('Console of Ada has a session at alone, whose display takes one at a time.');
  expect(sessions.of(alone)).toMatchObject({ sessions: [{ client: 'Console of Ada' }], counters: { opened: 1, refused: 1 } });
  const taken = await one('takeOver', 'taken');
  ends.length = 0;
  begin(taken, DESKTOP, 'Ada');
  begin(taken, PHONE, 'Bob');
  expect([ends, sessions.of(taken).sessions.map(({ client }) => client)]).toEqual([['Bob took over the display of taken.'], ['Bob']]);
  const bare = (await engine.ended(await engine.client.api.vms.create({ name: 'bare', cpus: 1, memoryMib: 64, guest: { kind: 'diagnostics' }, disks: [] }, 'host-a' as HostId))).result?.id as VmId;
  expect(() => begin(bare, DESKTOP)).toThrow('bare has no display.');
});

test('the end of the last session suspends the VM where its rule says so, the next one resumes it, and it stands still between', async () => {
  const id = await created({ unwatched: 'suspend' }), { api } = engine.client;
  const first = begin(id, DESKTOP), second = begin(id, DESKTOP);
  await engine.ended(await api.vms.powerOn(id));
  sessions.close(first.id);
  expect(engine.engine.inventory.vm(id).powerState).toBe('poweredOn');
  const before = (await api.vms.stats(id))!.instructions;
  sessions.close(second.id);
  await becomes(id, 'suspended');
  expect([engine.engine.inventory.vm(id).unwatched, await api.vms.stats(id)]).toEqual([true, null]);
  const third = begin(id, PHONE);
  await becomes(id, 'poweredOn');
  const after = (await api.vms.stats(id))!.instructions;
  expect(after).toBeGreaterThanOrEqual(before);
  expect(engine.engine.inventory.vm(id).unwatched).toBeUndefined();
  expect(sessions.of(id).counters).toMatchObject({ suspended: 1, resumed: 1 });
  // One that the operator suspends is the operator's to resume.
  await engine.ended(await api.vms.suspend(id));
  sessions.close(third.id);
  begin(id, DESKTOP);
  expect([engine.engine.inventory.vm(id).powerState, sessions.of(id).counters.resumed]).toEqual(['suspended', 1]);
}, 60_000);

test('with the rule to run on, the end of the last session leaves the VM as it is', async () => {
  const id = await created(), session = begin(id, DESKTOP);
  await engine.ended(await engine.client.api.vms.powerOn(id));
  sessions.close(session.id);
  begin(id, DESKTOP);
  expect([engine.engine.inventory.vm(id).powerState, sessions.of(id).counters.suspended]).toEqual(['poweredOn', 0]);
});

test('a session ends with its VM, also when that goes to the bin', async () => {
  const id = await created();
  ends.length = 0;
  begin(id, DESKTOP);
  await engine.ended(await engine.client.api.vms.delete(id));
  sessions.refit(id, null);
  expect([ends, sessions.has('display')]).toEqual([['The display is gone.'], false]);
  expect(() => sessions.of(id)).toThrow('shown is in the bin');
});
