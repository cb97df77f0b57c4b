/** VMs' displays: the display's thread, which is started when it is first needed, who has sessions there, and what is recorded. */
import { open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { EngineError, saidOf } from '../../shared/base/errors.ts';
import type { VmId } from '../../shared/base/ids.ts';
import { nested, say, type Said } from '../../shared/base/phrase.ts';
import { withWindow, type DisplaySize, type DisplaySpec, type VmDisplay, type VncListener } from '../../shared/model/display.ts';
import type { Vm } from '../../shared/model/vm.ts';
import type { DisplayEvent, OpeningSession } from '../display/display-messages.ts';
import type { Certificate } from '../display/rfb/security.ts';
import { DisplayClient } from '../display/start-display.ts';
import type { RunningVm } from '../hypervisor/vm-launch.ts';
import { refOf } from '../inventory/inventory.ts';
import { keptCertificate } from './certificates.ts';
import { DisplaySessions } from './display-sessions.ts';
import type { Engine } from './engine.ts';

const RECORDING = /^display-[\w.-]+\.fbs$/, PART_BYTES = 2 ** 20;
/** In the data folder: what VNC clients know this engine by. */
const CERTIFICATE = 'vnc-certificate.json';

type Context = Pick<Engine, 'inventory' | 'tasks' | 'power' | 'files'>;
interface Known { readonly name: string; readonly spec: DisplaySpec }

export class Displays {
  readonly sessions: DisplaySessions;
  private readonly engine: Context;
  private client: DisplayClient | undefined;
  /** VMs that have a display, as they were told of last. */
  private readonly known = new Map<VmId, Known>();
  /** Streams of the console's sessions, which the thread's ids stand for; those of VNC clients are sessions of their own. */
  private readonly streams = new Set<string>();
  private readonly listeningAt = new Map<VmId, VncListener['at']>();
  private readonly recordings = new Map<VmId, { readonly head: number }>();
  private certificate: Promise<Certificate> | undefined;

  constructor(engine: Context) {
    this.engine = engine;
    this.sessions = new DisplaySessions(engine, { configure: (id, configuration) => this.tell(this.thread.configure(id, configuration)) });
    engine.power.launched.on(({ id, machine }) => this.poweredOn(id, machine));
    engine.power.moved.on(({ id, machine: { screen } }) => { if (screen !== undefined) this.tell(this.thread.attach(id, screen)); });
    engine.power.gone.on(id => this.poweredOff(id));
    engine.inventory.changed.on(changes => {
      for (const { kind, id, after } of changes) if (kind === 'vm') this.follow(id as VmId, after);
    });
    for (const vm of engine.inventory.vms) this.follow(vm.id, vm);
  }

  of(id: VmId): VmDisplay {
    const at = this.listeningAt.get(id);
    return { ...this.sessions.of(id), isRecording: this.recordings.has(id), ...(at && { vncAt: at }) };
  }

  /** Those who have sessions see it from its first instruction on. */
  private poweredOn(id: VmId, { screen }: RunningVm): void {
    if (screen === undefined) return;
    this.describe(id);
    this.sessions.poweredOn(id);
    this.tell(this.thread.attach(id, screen));
  }

  private poweredOff(id: VmId): void {
    if (this.client === undefined || !this.known.has(id)) return;
    if (this.recordings.has(id)) this.tell(this.stopRecording(id));
    this.tell(this.client.detach(id));
  }

  /** A stream of RFB for a head of a session. */
  stream(sessionId: string, head: number): Duplex {
    const { vmId, session } = this.sessions.session(sessionId), { display } = this.engine.inventory.vm(vmId).spec;
    if (head >= (display?.heads ?? 0)) throw new EngineError('no-head', say`There is no display ${head + 1}.`);
    this.describe(vmId);
    const { id, stream } = this.thread.openConsole(vmId, head, session);
    this.streams.add(id);
    stream.on('close', () => this.streams.delete(id));
    return stream;
  }

  /** PNG. */
  async screenshot(id: VmId, { head = 0, width }: { readonly head?: number | undefined; readonly width?: number | undefined }): Promise<Uint8Array> {
    this.displayOf(id);
    return await this.thread.screenshot(id, head, { ...(width !== undefined && { maxWidth: width }) });
  }

  async startRecording(id: VmId, { head = 0, path }: { readonly head?: number | undefined; readonly path?: string | undefined }): Promise<{ readonly path: string }> {
    const vm = this.displayOf(id), { files, inventory } = this.engine;
    if (vm.powerState !== 'poweredOn') throw new EngineError('wrong-state', say`${vm.spec.name} must be powered on to be recorded.`);
    if (this.recordings.has(id)) throw new EngineError('recording', say`The display of ${vm.spec.name} is being recorded already.`);
    if (path === undefined) await files.makeFolder(id);
    const to = path ?? join(files.folder(id), `display-${new Date().toISOString().replace(/[:.]/g, '-')}.fbs`);
    this.recordings.set(id, { head });
    try { await this.thread.record(id, head, to); } catch (error) { this.recordings.delete(id); throw error; }
    await inventory.transact(edit => edit.event({ severity: 'info', type: 'display.recordingStarted', message: say`Recording the display of ${vm.spec.name} was started: ${to}.`, target: refOf(vm) }));
    this.sessions.changed.emit(id);
    return { path: to };
  }

  async stopRecording(id: VmId): Promise<void> {
    const vm = this.engine.inventory.vm(id), recording = this.recordings.get(id);
    if (recording === undefined) throw new EngineError('not-recording', say`The display of ${vm.spec.name} is not being recorded.`);
    this.recordings.delete(id);
    await this.thread.stopRecording(id, recording.head);
    await this.engine.inventory.transact(edit => edit.event({ severity: 'info', type: 'display.recordingStopped', message: say`Recording the display of ${vm.spec.name} was stopped.`, target: refOf(vm) }));
    this.sessions.changed.emit(id);
  }

  async recordingsOf(id: VmId): Promise<readonly { readonly name: string; readonly sizeBytes: number }[]> {
    const folder = this.engine.files.folder(this.engine.inventory.vm(id).id), names = (await readdir(folder).catch(() => [])).filter(name => RECORDING.test(name)).sort();
    return await Promise.all(names.map(async name => ({ name, sizeBytes: (await stat(join(folder, name))).size })));
  }

  async readRecording(id: VmId, name: string, offset: number): Promise<Uint8Array> {
    const vm = this.engine.inventory.vm(id);
    if (!RECORDING.test(name)) throw new EngineError('not-found', say`${vm.spec.name} has no recording ${name}.`);
    const file = await open(join(this.engine.files.folder(id), name)).catch(() => { throw new EngineError('not-found', say`${vm.spec.name} has no recording ${name}.`); });
    try {
      const { buffer, bytesRead } = await file.read(new Uint8Array(PART_BYTES), 0, PART_BYTES, offset);
      return buffer.slice(0, bytesRead);
    } finally { await file.close(); }
  }

  /** Before VMs are turned off, so that their files are whole when the thread ends. */
  async finishRecordings(): Promise<void> { await Promise.allSettled([...this.recordings.keys()].map(id => this.stopRecording(id))); }

  async close(): Promise<void> {
    this.sessions.dispose();
    await this.client?.end();
  }

  private get thread(): DisplayClient { return this.client ??= new DisplayClient({ admit: session => Promise.resolve(this.admit(session)), onEvent: event => this.happened(event) }); }

  private displayOf(id: VmId): Vm {
    const vm = this.engine.inventory.vm(id);
    if (vm.spec.display === undefined) throw new EngineError('no-display', say`${vm.spec.name} has no display.`);
    this.describe(id);
    return vm;
  }

  private describe(id: VmId): void {
    const { spec: { name, display } } = this.engine.inventory.vm(id);
    this.tell(this.thread.describe(id, { name, sizeFixed: display?.fixedSize !== undefined }));
  }

  /** Console clients have their sessions; VNC clients get one now. */
  private admit({ id, vm, client, kind, properties }: OpeningSession): Said | undefined {
    if (kind === 'console') return this.streams.has(id) ? undefined : say`The session has ended.`;
    try {
      this.sessions.begin(vm as VmId, { id, client, kind, properties, ended: () => this.tell(this.thread.disconnect(id)) });
      return undefined;
    } catch (error) { return saidOf(error); }
  }

  private happened(event: DisplayEvent): void {
    switch (event.kind) {
      case 'ended': this.sessions.close(event.session); break;
      case 'size-wanted': this.resize(event.session, event.head, event.size); break;
      case 'clipboard': this.share(event.vm as VmId, event.session, event.text); break;
      case 'properties': if (this.sessions.has(event.session)) this.sessions.update(event.session, event.properties); break;
      case 'opened': case 'configured': break;
      default: event satisfies never;
    }
  }

  private resize(sessionId: string, head: number, size: DisplaySize): void {
    if (this.sessions.has(sessionId)) this.sessions.change(sessionId, properties => withWindow(properties, { ...size, head, pixelRatio: 1 }));
  }

  /** What one client has on its clipboard, the others of the VM have too. */
  private share(vm: VmId, from: string, text: string): void {
    for (const { id, kind } of this.sessions.of(vm).sessions) if (id !== from && kind === 'vnc') this.tell(this.thread.setClipboard(id, text));
  }

  /** Names, rules, and where VNC clients come in, as the inventory has them. */
  private follow(id: VmId, vm: Vm | null): void {
    const before = this.known.get(id), spec = vm?.template === true ? undefined : vm?.spec.display, name = vm?.spec.name ?? '';
    if (before?.spec === spec && (spec === undefined || before?.name === name)) return;
    const isAnother = JSON.stringify(before?.spec.vnc) !== JSON.stringify(spec?.vnc);
    if (isAnother) this.listeningAt.delete(id);
    if (vm === null || spec === undefined) {
      this.known.delete(id);
      if (this.client) this.tell(this.client.remove(id));
    } else {
      this.known.set(id, { name, spec });
      if (this.client) this.describe(id);
    }
    if (before !== undefined && before.spec !== spec) this.sessions.refit(id, vm);
    if (vm === null || spec === undefined || !isAnother) return;
    if (spec.vnc !== undefined) void this.listen(vm, spec.vnc);
    else if (before !== undefined && this.client) this.tell(this.client.stopListening(id));
  }

  private async listen(vm: Vm, listener: VncListener): Promise<void> {
    try {
      this.describe(vm.id);
      this.listeningAt.set(vm.id, await this.thread.listen(vm.id, listener, listener.tls === true ? await (this.certificate ??= keptCertificate(this.engine.files.dataPath, CERTIFICATE)) : undefined));
      this.sessions.changed.emit(vm.id);
    } catch (error) {
      this.engine.inventory.eventually(edit => edit.event({ severity: 'error', type: 'display.notListening', message: say`VNC clients cannot reach ${vm.spec.name}: ${nested(saidOf(error))}`, target: refOf(vm) }));
    }
  }

  /** The thread's own failures end the engine; what it refuses here concerns nobody. */
  private tell(done: Promise<unknown>): void { done.catch((error: unknown) => process.stderr.write(`quarterdeck: display: ${String(error)}\n`)); }
}
