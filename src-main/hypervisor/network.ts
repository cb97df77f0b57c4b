/** The network of an engine: its switches and links, and the NICs of all its VMs. Lives in a worker of its own. */
import type { MessagePort } from 'node:worker_threads';
import { assert, EngineError } from '../../shared/base/errors.ts';
import type { HostId } from '../../shared/base/ids.ts';
import { say } from '../../shared/base/phrase.ts';
import type { NicSpec } from '../../shared/model/vm.ts';
import { Nat } from '../fabric/nat/nat.ts';
import { plainFrame } from '../fabric/frame.ts';
import { rarpRequest } from '../fabric/packet.ts';
import { SwitchLink, type LinkQuality } from '../fabric/switch/switch-link.ts';
import { VirtualSwitch, type PortGroup, type SwitchOptions } from '../fabric/switch/virtual-switch.ts';
import { hostNowNs } from '../time/host-time.ts';
import { Capture } from './capture.ts';
import type { AttachedNic, NetworkCall, ToNicNetwork } from './network-messages.ts';
import { NetworkPort } from './network-port.ts';

/** vSphere's name for the port group of a new host. */
const DEFAULT_GROUP = 'VM Network';
/** How exactly time-outs of connections are kept. */
const TICK_MS = 50;

interface Nic { readonly name: string; readonly port: NetworkPort; readonly nat?: Nat; at?: AtSwitch }
/** Where it is plugged in. */
interface AtSwitch { readonly spec: Extract<NicSpec, { kind: 'switch' }>; readonly mac: number; readonly on: VirtualSwitch; readonly id: number }
/** A switch of one host, with what joins it to those of others. */
interface HostSwitch { readonly on: VirtualSwitch; readonly link: SwitchLink }

export class Network {
  private readonly nics = new Map<number, Nic>();
  private readonly switches = new Map<string, VirtualSwitch>();
  /** By host, its switches by their names. */
  private readonly hostSwitches = new Map<HostId, Map<string, HostSwitch>>();
  private readonly qualities = new Map<HostId, LinkQuality>();
  private readonly busy = new Set<NetworkPort>();
  private isScheduled = false;
  private ticker: NodeJS.Timeout | undefined;
  private linkTimer: NodeJS.Timeout | undefined;
  private isLinkDue = false;

  async call(call: NetworkCall): Promise<unknown> {
    switch (call.kind) {
      case 'attach': return this.attach(call);
      case 'move': this.move(this.nic(call.nic), call); return undefined;
      case 'detach': await this.detach(call.nic); return undefined;
      case 'connect': this.nic(call.nic).port.setConnected(call.connected); return undefined;
      case 'counters': return this.nic(call.nic).port.counters;
      case 'capture': await this.capture(this.nic(call.nic), call.capture); return undefined;
      case 'stop-capture': await this.stopCapture(this.nic(call.nic)); return undefined;
      case 'define-switch': this.define(call.options); return undefined;
      case 'host-link': this.setHostLink(call.host, call.quality); return undefined;
      case 'mirror': this.mirror(call); return undefined;
      default: return call satisfies never;
    }
  }

  private async attach({ nic: id, spec, mac, name, memory, doorbell, host }: Extract<NetworkCall, { kind: 'attach' }>): Promise<AttachedNic> {
    const port = new NetworkPort(memory, doorbell, spec, hostNowNs);
    const nic: Nic = spec.kind === 'nat' ? this.attachNat(name, port) : { name, port, at: this.plugIn(port, spec, mac, host) };
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

  private move(nic: Nic, { doorbell, host, spec }: Extract<NetworkCall, { kind: 'move' }>): void {
    const { port, at } = nic;
    if (at !== undefined && spec.kind === 'switch' && (this.switchAt(spec.switch, host) !== at.on || groupOf(spec).name !== groupOf(at.spec).name)) {
      const state = at.on.save().ports.find(([id]) => id === at.id)?.[1];
      at.on.disconnect(at.id);
      const { on, id } = nic.at = this.plugIn(port, spec, at.mac, host);
      if (state !== undefined) on.restore({ ...on.save(), ports: [[id, state]] });
      // As ESXi does: all switches on the way learn at once where the address is now.
      on.receive(id, plainFrame(rarpRequest(at.mac)));
      this.keepLinkTime();
    }
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

  /** Into the switch of its host; a NIC of no host is at what joins those. */
  private plugIn(port: NetworkPort, spec: AtSwitch['spec'], mac: number, host: HostId | undefined): AtSwitch {
    const on = this.switchAt(spec.switch, host), group = groupOf(spec);
    on.ensureGroup(group);
    const id = on.connect({ portGroup: group.name, mac, deliver: frame => port.deliver(frame), limit: spec.limit });
    port.attachment = {
      receive: frame => on.receive(id, frame), flush: () => this.keepLinkTime(), sendAgain: () => { /* a switch does not wait */ }, setConnected: connected => on.setConnected(id, connected),
      setFilter: filter => on.setFilter(id, filter), counters: () => on.counters(id), close: () => on.disconnect(id),
    };
    return { spec, mac, on, id };
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
      const { at } = this.nic(nic);
      if (at === undefined) throw new EngineError('not-at-a-switch', 'Only ports of a switch are mirrored.');
      return at.id;
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

  private switchAt(name: string, host: HostId | undefined): VirtualSwitch {
    if (host === undefined) return this.switchOf(name);
    const switches = this.hostSwitches.get(host) ?? new Map<string, HostSwitch>(), found = switches.get(name);
    if (found !== undefined) return found.on;
    const on = new VirtualSwitch({ name, portGroups: [{ name: DEFAULT_GROUP, vlan: 0 }] }, hostNowNs), link = new SwitchLink(on, this.switchOf(name), hostNowNs, this.qualities.get(host));
    this.hostSwitches.set(host, switches.set(name, { on, link }));
    return on;
  }

  private setHostLink(host: HostId, quality: LinkQuality): void {
    this.qualities.set(host, quality);
    for (const { link } of this.hostSwitches.get(host)?.values() ?? []) link.set(quality);
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
    clearTimeout(this.linkTimer);
    this.linkTimer = undefined;
    const links = [...this.hostSwitches.values()].flatMap(switches => [...switches.values()].map(({ link }) => link)), dueNs = Math.min(Infinity, ...links.map(link => link.deadlineNs)), ms = (dueNs - hostNowNs()) / 1e6;
    if (dueNs === Infinity) return;
    const run = () => {
      this.isLinkDue = false;
      for (const link of links) link.runDue(hostNowNs());
      this.keepLinkTime();
    };
    if (ms >= 1) this.linkTimer = setTimeout(run, ms);
    else if (!this.isLinkDue) {
      // No timer is as exact.
      this.isLinkDue = true;
      setImmediate(run);
    }
  }
}

function groupOf({ portGroup, vlan = 0 }: Extract<NicSpec, { kind: 'switch' }>): PortGroup {
  return { name: portGroup ?? (vlan === 0 ? DEFAULT_GROUP : `VLAN ${vlan}`), vlan };
}

/** What a name leaves that a host's name may have. */
const hostNameOf = (name: string): string | undefined => name.toLowerCase().replace(/[^a-z0-9-]+/g, '-').replace(/^-+|-+$/g, '') || undefined;
