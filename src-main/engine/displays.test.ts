/** An engine's displays as clients find them: by VNC, by streams of the console, in pictures and recordings. */
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { HostId, VmId } from '../../shared/base/ids.ts';
import { USUAL_DISPLAY, type ClientProperties, type DisplaySpec, type VmDisplay } from '../../shared/model/display.ts';
import { Encoding } from '../display/rfb/protocol.ts';
import { TestViewer } from '../display/rfb/test-viewer.ts';
import { makeCertificate } from '../display/start-display.ts';
import { openTestClient, type TestClient } from './test-client.ts';

let folder: string, engine: TestClient;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'displays-'));
  engine = await openTestClient(folder);
});
afterEach(async () => {
  await engine.close();
  rmSync(folder, { recursive: true });
});

const CLIENT: ClientProperties = { monitors: [{ width: 800, height: 600 }], pixelRatio: 1, colourDepth: 24, pointer: 'mouse' };

async function created(display: Partial<DisplaySpec>): Promise<VmId> {
  const task = await engine.ended(await engine.client.api.vms.create({ name: 'shown', cpus: 1, memoryMib: 64, guest: { kind: 'diagnostics' }, disks: [], display: { ...USUAL_DISPLAY, ...display } }, 'host-a' as HostId));
  return task.result?.id as VmId;
}

/** Resolves when the VM's display is told to be so. */
function becomes(id: VmId, what: (display: VmDisplay) => boolean): Promise<VmDisplay> {
  const { api } = engine.client;
  return new Promise((resolve, reject) => {
    engine.client.on('display.changed', ({ vmId, display }) => { if (vmId === id && what(display)) resolve(display); });
    api.displays.get(id).then(display => { if (what(display)) resolve(display); }, reject);
  });
}

const viewer = (port: number, password: string) => TestViewer.connect(connect({ host: '127.0.0.1', port }), { encodings: [Encoding.zrle, Encoding.extendedDesktopSize], greedy: true, password });

test('a VNC client has a session while it is connected: its size is the display’s, and rules and the password hold for it', async () => {
  const id = await created({ vnc: { at: { kind: 'tcp', port: 0 }, password: 'secret' }, sessions: 'refuse' }), { api } = engine.client;
  const { vncAt } = await becomes(id, display => display.vncAt !== undefined), port = vncAt?.kind === 'tcp' ? vncAt.port : 0;
  await expect(viewer(port, 'wrong')).rejects.toThrow();
  expect((await api.displays.get(id)).sessions).toEqual([]);
  const first = await viewer(port, 'secret');
  await becomes(id, ({ sessions }) => sessions.length === 1 && sessions[0]?.kind === 'vnc' && sessions[0].client.startsWith('127.0.0.1'));
  await expect(viewer(port, 'secret')).rejects.toThrow('has a session at shown, whose display takes one at a time.');
  await expect(api.displays.open(id, CLIENT)).rejects.toThrow('takes one at a time');
  const wanted = Buffer.alloc(24);
  wanted[0] = 251;
  wanted.writeUInt16BE(1000, 2);
  wanted.writeUInt16BE(700, 4);
  wanted[6] = 1;
  wanted.writeUInt16BE(1000, 16);
  wanted.writeUInt16BE(700, 18);
  first.send(wanted);
  await becomes(id, ({ configuration }) => configuration?.heads[0]?.width === 1000 && configuration.heads[0].height === 700);
  first.stream.destroy();
  await becomes(id, ({ sessions }) => sessions.length === 0);
  // Disconnected by an operator.
  const second = await viewer(port, 'secret'), { sessions } = await becomes(id, display => display.sessions.length === 1);
  await api.displays.close(sessions[0]!.id);
  await second.until(() => second.ended).catch((error: unknown) => { expect(String(error)).toContain('hung up'); });
  expect((await api.displays.get(id)).counters).toMatchObject({ opened: 2, refused: 2 });
}, 60_000);

test('no VNC client gets in where none is let in any more, and a place that is taken is told', async () => {
  const id = await created({ vnc: { at: { kind: 'tcp', port: 0 } } }), { api } = engine.client;
  const { vncAt } = await becomes(id, display => display.vncAt !== undefined), port = vncAt?.kind === 'tcp' ? vncAt.port : 0, { spec } = engine.engine.inventory.vm(id);
  const told = new Promise<string>(resolve => { engine.client.on('event.added', ({ type, message }) => { if (type === 'display.notListening') resolve(message); }); });
  await engine.ended(await api.vms.create({ ...spec, name: 'other', display: { ...USUAL_DISPLAY, vnc: { at: { kind: 'tcp', port } } } }, 'host-a' as HostId));
  expect(await told).toMatch(/^VNC clients cannot reach other: .*in use/);
  await engine.ended(await api.vms.reconfigure(id, { ...spec, display: USUAL_DISPLAY }));
  await becomes(id, display => display.vncAt === undefined);
  const socket = connect({ host: '127.0.0.1', port });
  await expect(once(socket, 'connect')).rejects.toThrow('ECONNREFUSED');
}, 60_000);

test('through TLS, VNC clients know the engine by one certificate, also after it was started again', async () => {
  const listener: DisplaySpec['vnc'] = { at: { kind: 'tcp', port: 0 }, tls: true, password: 'secret' }, certificate = () => (JSON.parse(readFileSync(join(folder, 'vnc-certificate.json'), 'utf8')) as { readonly cert: string }).cert;
  const sees = async (id: VmId, ca: string) => {
    const { vncAt } = await becomes(id, display => display.vncAt !== undefined), stream = connect({ host: '127.0.0.1', port: vncAt?.kind === 'tcp' ? vncAt.port : 0 });
    const { width } = await TestViewer.connect(stream, { encodings: [Encoding.zrle], password: 'secret', ca });
    stream.destroy();
    return width;
  };
  const id = await created({ vnc: listener }), { width } = (await engine.client.api.displays.get(id)).configuration!.heads[0]!;
  await becomes(id, display => display.vncAt !== undefined);
  const first = certificate();
  expect(await sees(id, first)).toBe(width);
  await engine.close();
  engine = await openTestClient(folder);
  expect(await sees(id, first)).toBe(width);
  await expect(sees(id, (await makeCertificate('Quarterdeck')).cert)).rejects.toThrow();
}, 60_000);

test('a console’s stream greets and ends with its session; pictures and recordings are of the size that the display has', async () => {
  const id = await created({}), { api } = engine.client, heard: string[] = [];
  const { id: sessionId } = await api.displays.open(id, CLIENT);
  const greeted = new Promise<void>(resolve => { engine.client.on('display.output', ({ bytes }) => { heard.push(new TextDecoder().decode(bytes)); resolve(); }); });
  const { streamId } = await api.displays.stream(sessionId, 0);
  await greeted;
  expect(heard[0]).toMatch(/^RFB 003\.008\n/);
  await expect(api.displays.stream(sessionId, 1)).rejects.toThrow('There is no display 2.');
  const png = Buffer.from(await api.displays.screenshot(id, { width: 100 }));
  expect([png.toString('latin1', 1, 4), png.readUInt32BE(16)]).toEqual(['PNG', 100]);
  await expect(api.displays.startRecording(id)).rejects.toThrow('shown must be powered on to be recorded.');
  await engine.ended(await api.vms.powerOn(id));
  const { path } = await api.displays.startRecording(id);
  await expect(api.displays.startRecording(id)).rejects.toThrow('is being recorded already');
  const stopped = becomes(id, display => display.isRecording !== true);
  // With the VM ends its recording.
  await engine.ended(await api.vms.powerOff(id));
  await stopped;
  const [recording] = await api.displays.recordings(id);
  expect(path).toContain(recording!.name);
  await expect.poll(() => statSync(path).size).toBeGreaterThan(12);
  expect(new TextDecoder().decode(await api.displays.readRecording(id, recording!.name, 0)).slice(0, 12)).toBe('FBS 001.000\n');
  await expect(api.displays.readRecording(id, '../inventory.db', 0)).rejects.toThrow('has no recording');
  const closed = new Promise<string>(resolve => { engine.client.on('display.closed', each => resolve(each.streamId)); });
  await api.displays.close(sessionId);
  expect(await closed).toBe(streamId);
}, 60_000);
