/** The display of all VMs of an engine: screens, the sessions at them, and where VNC clients connect. It is in the display's worker. */
import { randomUUID } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { EngineError, messageOf } from '../../shared/base/errors.ts';
import { say, type Said } from '../../shared/base/phrase.ts';
import type { VncListener } from '../../shared/model/display.ts';
import type { DisplayCall, DisplayEvent, OpeningSession, Recorded, ScreenshotOptions } from './display-messages.ts';
import { Recording } from './recording.ts';
import { Attempts, type Certificate, type SecurityOptions } from './rfb/security.ts';
import { Session, type SessionCounters } from './rfb/session.ts';
import { Screen } from './screen.ts';
import { screenshot } from './screenshot.ts';
import { VncServer } from './vnc-server.ts';

export interface DisplayHost {
  /** Why a session may not be opened, or nothing. */
  admit(session: OpeningSession): Promise<Said | undefined>;
  tell(event: DisplayEvent): void;
  /** The stream of a console's session. */
  stream(number: number): Duplex;
}

interface Machine { readonly screen: Screen; name: string; server: VncServer | undefined; readonly recordings: Map<number, Recording> }
interface OpenSession { readonly vm: string; readonly session: Session }

export class Display {
  private readonly host: DisplayHost;
  private readonly machines = new Map<string, Machine>();
  private readonly sessions = new Map<string, OpenSession>();

  constructor(host: DisplayHost) { this.host = host; }

  async call(call: DisplayCall): Promise<unknown> {
    switch (call.kind) {
      case 'attach': this.machine(call.vm).screen.connect(call.port); return;
      case 'detach': this.machines.get(call.vm)?.screen.disconnect(); return;
      case 'remove': return this.remove(call.vm);
      case 'describe': this.describe(call.vm, call.name, call.sizeFixed); return;
      case 'configure': this.machine(call.vm).screen.configure(call.configuration); return;
      case 'open': this.serve(call.session, this.host.stream(call.stream), { attempts: new Attempts() }); return;
      case 'disconnect': this.sessions.get(call.session)?.session.close(); return;
      case 'listen': return this.listen(call.vm, call.listener, call.certificate);
      case 'stop-listening': return this.stopListening(call.vm);
      case 'clipboard': this.sessions.get(call.session)?.session.setClipboard(call.text); return;
      case 'screenshot': return this.screenshot(call.vm, call.head, call.options);
      case 'record': return this.record(call.vm, call.head, call.path);
      case 'stop-recording': return this.stopRecording(call.vm, call.head);
      case 'counters': return this.counters();
    }
  }

  private machine(vm: string): Machine {
    const known = this.machines.get(vm);
    if (known !== undefined) return known;
    const made: Machine = { screen: new Screen(), name: vm, server: undefined, recordings: new Map() };
    made.screen.configured.on(configuration => this.host.tell({ kind: 'configured', vm, configuration }));
    this.machines.set(vm, made);
    return made;
  }

  private describe(vm: string, name: string, sizeFixed: boolean) {
    const machine = this.machine(vm);
    machine.name = name;
    machine.screen.sizeFixed = sizeFixed;
  }

  private async remove(vm: string) {
    const machine = this.machines.get(vm);
    if (machine === undefined) return;
    this.machines.delete(vm);
    for (const open of this.sessions.values()) if (open.vm === vm) open.session.close();
    machine.screen.disconnect();
    await Promise.allSettled([machine.server?.close(), ...[...machine.recordings.values()].map(recording => recording.stop())]);
  }

  private serve(opening: OpeningSession, stream: Duplex, security: SecurityOptions) {
    const { id, vm, head, kind } = opening, { screen, name } = this.machine(vm), tell = (event: DisplayEvent) => this.host.tell(event);
    let isOpen = false;
    const session: Session = new Session({
      stream, screen, head, name, security, trusted: kind === 'console',
      listener: {
        admit: () => this.host.admit(opening),
        opened: () => { isOpen = true; tell({ kind: 'opened', session: opening, sinceMs: Date.now() }); },
        sizeWanted: size => tell({ kind: 'size-wanted', session: id, vm, head, size }),
        propertiesChanged: properties => tell({ kind: 'properties', session: id, vm, properties }),
        clipboard: text => tell({ kind: 'clipboard', session: id, vm, text }),
      },
    });
    this.sessions.set(id, { vm, session });
    void ended(session).then(problem => {
      this.sessions.delete(id);
      if (isOpen) tell({ kind: 'ended', session: id, vm, counters: session.counters, ...(problem !== undefined && { problem }) });
    });
  }

  private async listen(vm: string, { at, password, tls }: VncListener, certificate?: Certificate): Promise<VncListener['at']> {
    if (tls && certificate === undefined) throw new EngineError('vnc-listener', say`TLS needs a certificate.`);
    await this.stopListening(vm);
    const attempts = new Attempts(), machine = this.machine(vm);
    const server = await VncServer.listen(at, (socket, client) => {
      const { width, height } = machine.screen.head(0).size;
      const opening: OpeningSession = { id: randomUUID(), vm, head: 0, client, kind: 'vnc', properties: { monitors: [{ width, height }], pixelRatio: 1, colourDepth: 24, pointer: 'mouse' } };
      this.serve(opening, socket, { attempts, ...(password !== undefined && { password }), ...(tls && certificate && { tls: certificate }) });
    });
    // Another one may have been asked for meanwhile, or the VM removed.
    if (machine.server !== undefined || this.machines.get(vm) !== machine) {
      await server.close();
      throw new EngineError('vnc-listener', say`VNC clients of this VM are listened for elsewhere by now.`);
    }
    machine.server = server;
    return server.at;
  }

  private async stopListening(vm: string) {
    const machine = this.machines.get(vm), server = machine?.server;
    if (machine) machine.server = undefined;
    await server?.close();
  }

  private async screenshot(vm: string, head: number, options: ScreenshotOptions): Promise<Uint8Array> {
    const { screen } = this.machine(vm);
    await screen.upToDate(head);
    return screenshot(screen.head(head), options);
  }

  private async record(vm: string, head: number, path: string) {
    const { screen, name, recordings } = this.machine(vm);
    if (recordings.has(head)) throw new EngineError('recording', say`This display is being recorded already.`);
    const recording = await Recording.start(path);
    if (recordings.has(head)) {
      await recording.stop();
      throw new EngineError('recording', say`This display is being recorded already.`);
    }
    recordings.set(head, recording);
    const session = new Session({
      stream: recording, screen, head, name, trusted: false, security: { attempts: new Attempts() },
      listener: { admit: () => Promise.resolve(undefined), opened: () => {}, sizeWanted: () => {}, propertiesChanged: () => {}, clipboard: () => {} },
    });
    void ended(session);
  }

  private async stopRecording(vm: string, head: number): Promise<Recorded> {
    const recordings = this.machines.get(vm)?.recordings, recording = recordings?.get(head);
    if (recording === undefined) throw new EngineError('recording', say`This display is not being recorded.`);
    recordings?.delete(head);
    return recording.stop();
  }

  private counters(): Readonly<Record<string, SessionCounters>> {
    return Object.fromEntries([...this.sessions].map(([id, { session }]) => [id, session.counters]));
  }
}

/** One session's failure is not another's. */
const ended = (session: Session): Promise<string | undefined> => session.run().catch((error: unknown) => {
  process.stderr.write(`quarterdeck: a display's session ended: ${messageOf(error)}\n`);
  return messageOf(error);
});
