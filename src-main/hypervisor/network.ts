/** The network of an engine: its switches and links, and the NICs of all its VMs. Lives in a worker of its own. */
import type { MessagePort } from 'node:worker_threads';
import { assert, EngineError } from '../../shared/base/errors.ts';
import { say } from '../../shared/base/phrase.ts';
import type { NicSpec } from '../../shared/model/vm.ts';
import { Nat } from '../fabric/nat/nat.ts';
import { SwitchLink } from '../fabric/switch/switch-link.ts';
import { VirtualSwitch, type PortGroup, type SwitchOptions } from '../fabric/switch/virtual-switch.ts';
import { hostNowNs } from '../time/host-time.ts';
import { Capture } from './capture.ts';
import type { AttachedNic, NetworkCall, ToNicNetwork } from './network-messages.ts';
import { NetworkPort, type Attachment } from './network-port.ts';

/** vSphere's name for the port group of a new host. */
const DEFAULT_GROUP = 'VM Network';
/** How exactly time-outs of connections are kept. */
const TICK_MS = 50;

interface Nic { readonly name: string; readonly port: NetworkPort; readonly nat?: Nat; readonly switchPort?: number }

export class Network {
  private readonly nics = new Map<number, Nic>();
  private readonly switches = new Map<string, VirtualSwitch>();
  private links: SwitchLink[] = [];
  private readonly busy = new Set<NetworkPort>();
  private isScheduled = false;
  private ticker: NodeJS.Timeout | undefined;
  private linkTimer: NodeJS.Timeout | undefined;

  async call(call: NetworkCall): Promise<unknown> {
    switch (call.kind) {
      case 'attach': return this.attach(call);
      case 'move': this.move(this.nic(call.nic).port, call.doorbell); return undefined;
      case 'detach': await this.detach(call.nic); return undefined;
      case 'connect': this.nic(call.nic).port.setConnected(call.connected); return undefined;
      case 'counters': return this.nic(call.nic).port.counters;
      case 'capture': await this.capture(this.nic(call.nic), call.capture); return undefined;
      case 'stop-capture': await this.stopCapture(this.nic(call.nic)); return undefined;
      case 'define-switch': this.define(call.options); return undefined;
      case 'link': this.links.push(new SwitchLink(this.switchOf(call.from), this.switchOf(call.to), hostNowNs, call.options)); return undefined;
      case 'mirror': this.mirror(call); return undefined;
      default: return call satisfies never;
    }
  }

  private async attach({ nic: id, spec, mac, name, memory, doorbell }: Extract<NetworkCall, { kind: 'attach' }>): Promise<AttachedNic> {
    const port = new NetworkPort(memory, doorbell, spec, hostNowNs);
    const nic = spec.kind === 'nat' ? this.attachNat(name, port) : this.attachSwitch(spec, mac, name, port);
    this.nics.set(id, nic);
    this.listen(doorbell, port);
    this.ticker ??= setInterval(() => this.tick(), TICK_MS);
    port.setConnected(spec.connected);
    const hostPorts: number[] = [];
    if (spec.kind === 'nat') for (const forward of spec.forwards) hostPorts.push(await nic.nat!.addForward(forward));
    return { hostPorts };
  }

  private listen(doorbell: MessagePort, port: NetworkPort) {
    doorbell.on('message', (message: ToNicNetwork) => {
      if (message !== 'ring') { port.attachment?.setFilter(message.filter); return; }
      port.attachment?.sendAgain();
      this.schedule(port);
    });
    this.schedule(port);
  }

  private move(port: NetworkPort, doorbell: MessagePort): void {
    port.moveTo(doorbell);
    this.listen(doorbell, port);
  }

  private attachNat(name: string, port: NetworkPort): Nic {
    const nat = new Nat({ sink: port, nowNs: hostNowNs, hostName: hostNameOf(name) });
    port.attachment = {
      receive: frame => nat.receive(frame), flush: () => nat.flush(), sendAgain: () => nat.sendAgain(), close: () => nat.close(),
      setConnected: () => { /* the port lets nothing through */ }, setFilter: () => { /* all frames are for the one guest */ },
    };
    return { name, port, nat };
  }

  private attachSwitch(spec: Extract<NicSpec, { kind: 'switch' }>, mac: number, name: string, port: NetworkPort): Nic {
    const on = this.switchOf(spec.switch), group = groupOf(spec);
    on.ensureGroup(group);
    const id = on.connect({ portGroup: group.name, mac, deliver: frame => port.deliver(frame), limit: spec.limit });
    const attachment: Attachment = {
      receive: frame => on.receive(id, frame), flush: () => this.keepLinkTime(), sendAgain: () => { /* a switch does not wait */ }, setConnected: connected => on.setConnected(id, connected),
      setFilter: filter => on.setFilter(id, filter), counters: () => on.counters(id), close: () => on.disconnect(id),
    };
    port.attachment = attachment;
    return { name, port, switchPort: id };
  }

  private async detach(id: number): Promise<void> {
    const nic = this.nics.get(id);
    if (nic === undefined) return;
    this.nics.delete(id);
    this.busy.delete(nic.port);
    if (this.nics.size === 0) { clearInterval(this.ticker); this.ticker = undefined; }
    await nic.port.detach();
  }

  private async capture(nic: Nic, options: { readonly path: string; readonly limitBytes?: number }): Promise<void> {
    const capture = await Capture.start(options, nic.name);
    await this.stopCapture(nic);
    nic.port.capture = capture;
  }

  private async stopCapture({ port }: Nic): Promise<void> {
    const { capture } = port;
    port.capture = undefined;
    await capture?.end();
  }

  private define(options: SwitchOptions): void {
    if (this.switches.has(options.name)) throw new EngineError('switch-exists', say`There is a switch ${options.name} already.`);
    this.switches.set(options.name, new VirtualSwitch(options, hostNowNs));
  }

  private mirror(call: Extract<NetworkCall, { kind: 'mirror' }>): void {
    const portOf = (nic: number) => {
      const { switchPort } = this.nic(nic);
      if (switchPort === undefined) throw new EngineError('not-at-a-switch', 'Only ports of a switch are mirrored.');
      return switchPort;
    };
    this.switchOf(call.switch).mirror(call.sessions.map(({ sources, destination }) => ({
      sources: sources.map(({ nic, direction }) => ({ port: portOf(nic), direction })), destination: portOf(destination),
    })));
  }

  /** A switch that nobody defined has the one port group. */
  private switchOf(name: string): VirtualSwitch {
    let found = this.switches.get(name);
    if (found === undefined) this.switches.set(name, found = new VirtualSwitch({ name, portGroups: [{ name: DEFAULT_GROUP, vlan: 0 }] }, hostNowNs));
    return found;
  }

  private nic(id: number): Nic {
    const nic = this.nics.get(id);
    assert(nic !== undefined, `there is a NIC ${id}`);
    return nic;
  }

  private schedule(port: NetworkPort): void {
    this.busy.add(port);
    if (this.isScheduled) return;
    this.isScheduled = true;
    setImmediate(() => this.work());
  }

  /** A batch of each NIC that has frames, between what sockets bring. */
  private work(): void {
    this.isScheduled = false;
    for (const port of [...this.busy]) {
      this.busy.delete(port);
      if (port.drain()) this.schedule(port);
    }
  }

  private tick(): void {
    const nowNs = hostNowNs();
    for (const { nat } of this.nics.values()) if (nat !== undefined && nat.deadlineNs <= nowNs) nat.runDue(nowNs);
  }

  private keepLinkTime(): void {
    if (this.links.length === 0) return;
    clearTimeout(this.linkTimer);
    const dueNs = Math.min(...this.links.map(link => link.deadlineNs));
    if (dueNs === Infinity) return;
    this.linkTimer = setTimeout(() => {
      for (const link of this.links) link.runDue(hostNowNs());
      this.keepLinkTime();
    }, Math.max(0, (dueNs - hostNowNs()) / 1e6));
  }
}

function groupOf({ portGroup, vlan = 0 }: Extract<NicSpec, { kind: 'switch' }>): PortGroup {
  return { name: portGroup ?? (vlan === 0 ? DEFAULT_GROUP : `VLAN ${vlan}`), vlan };
}

/** What a name leaves that a host's name may have. */
const hostNameOf = (name: string): string | undefined => name.toLowerCase().replace(/[^a-z0-9-]+/g, '-').replace(/^-+|-+$/g, '') || undefined;
