/**
 * A virtual switch in the manner of vSphere's standard switch: ports in port groups with a VLAN (IEEE 802.1Q) and a security
 * policy, whose defaults are those of vSphere 7 and later: all three rejected. Unlike vSphere's it learns where addresses are,
 * and floods what it does not know. Left out: spanning tree (links must make no loop), IGMP snooping, teaming.
 */
import { assert, EngineError } from '../../../shared/base/errors.ts';
import { say } from '../../../shared/base/phrase.ts';
import { BROADCAST, DEFAULT_MTU, ETHERNET_BYTES, isGroup, macAt, type Frame, type Mac } from '../frame.ts';
import { parseIp } from '../packet.ts';
import { MacTable, type MacTableState } from './mac-table.ts';
import { TokenBucket, type RateLimit, type TokenBucketState } from './token-bucket.ts';
import { tagged, untagged, vlanOf } from './vlan-tag.ts';

export interface SecurityPolicy {
  /** A guest that asks for it sees all frames of its VLAN. */
  readonly promiscuous: boolean;
  /** Frames from an address other than the NIC's own. */
  readonly forgedTransmits: boolean;
  /** A NIC works on when its guest gave it another address. */
  readonly macChanges: boolean;
}
const REJECT_ALL: SecurityPolicy = { promiscuous: false, forgedTransmits: false, macChanges: false };

/** Passes frames of all VLANs to the guest, with their tags. */
export const TRUNK = 4095;

export interface PortGroup { readonly name: string; readonly vlan: number; readonly security?: Partial<SecurityPolicy> }
export interface SwitchOptions { readonly name: string; readonly portGroups: readonly PortGroup[]; readonly mtu?: number; readonly ageingNs?: number }

export interface PortOptions {
  readonly portGroup: string;
  /** The NIC's configured address; absent for what is no NIC. */
  readonly mac?: Mac | undefined;
  /** Takes a frame to whatever is at the port; false when it has no room. The bytes are the switch's. */
  readonly deliver: (frame: Frame) => boolean;
  /** Of what comes in and, apart, of what goes out. */
  readonly limit?: RateLimit | undefined;
  /** Another switch, or a way out: no policy applies to it. */
  readonly isUplink?: boolean;
}

export type DropCause = 'disconnected' | 'malformed' | 'oversize' | 'vlan' | 'forged' | 'mac change' | 'limit' | 'no room';
export interface Counters { frames: number; bytes: number; drops: Partial<Record<DropCause, number>> }
/** As the switch sees it: `in` comes from the guest. */
export interface PortCounters { readonly in: Counters; readonly out: Counters }

/** Copies what passes source ports to a port that gets nothing else. */
export interface MirrorSession { readonly sources: readonly { readonly port: number; readonly direction: 'in' | 'out' | 'both' }[]; readonly destination: number }

interface PortState { counters: PortCounters; buckets: { in: TokenBucketState; out: TokenBucketState } | null; mac: Mac | null; promiscuous: boolean; connected: boolean }
export interface SwitchState { readonly table: MacTableState; readonly ports: readonly (readonly [number, PortState])[] }

const AGEING_NS = 300e9;

class Port {
  readonly id: number;
  readonly group: PortGroup;
  readonly options: PortOptions;
  readonly policy: SecurityPolicy;
  private readonly buckets: { readonly in: TokenBucket; readonly out: TokenBucket } | undefined;
  counters: PortCounters = { in: { frames: 0, bytes: 0, drops: {} }, out: { frames: 0, bytes: 0, drops: {} } };
  /** The address that the guest gave its NIC. */
  mac: Mac | undefined;
  /** The guest asks for all frames. */
  promiscuous = false;
  connected = true;

  constructor(id: number, group: PortGroup, options: PortOptions, nowNs: number) {
    const { limit } = options;
    this.id = id;
    this.group = group;
    this.options = options;
    this.mac = options.mac;
    this.policy = { ...REJECT_ALL, ...group.security };
    this.buckets = limit && { in: new TokenBucket(limit, nowNs), out: new TokenBucket(limit, nowNs) };
  }

  get isTrunk(): boolean { return this.options.isUplink === true || this.group.vlan === TRUNK; }
  /** Its guest changed its address, and must not. */
  get isBlocked(): boolean { return !this.policy.macChanges && this.options.mac !== undefined && this.mac !== this.options.mac; }
  isIn(vlan: number): boolean { return this.isTrunk || this.group.vlan === vlan; }

  admits(direction: 'in' | 'out', bytes: number, nowNs: number): boolean { return this.buckets?.[direction].take(bytes, nowNs) ?? true; }

  count(direction: 'in' | 'out', bytes: number): void {
    this.counters[direction].frames++;
    this.counters[direction].bytes += bytes;
  }

  drop(direction: 'in' | 'out', cause: DropCause): void {
    const { drops } = this.counters[direction];
    drops[cause] = (drops[cause] ?? 0) + 1;
  }

  save(): PortState {
    const { buckets, counters, mac, promiscuous, connected } = this;
    return structuredClone({ counters, buckets: buckets ? { in: buckets.in.save(), out: buckets.out.save() } : null, mac: mac ?? null, promiscuous, connected });
  }

  restore({ counters, buckets, mac, promiscuous, connected }: PortState): void {
    this.counters = structuredClone(counters);
    this.mac = mac ?? undefined;
    this.promiscuous = promiscuous;
    this.connected = connected;
    if (buckets === null) return;
    this.buckets?.in.restore(buckets.in);
    this.buckets?.out.restore(buckets.out);
  }
}

export class VirtualSwitch {
  readonly name: string;
  private readonly nowNs: () => number;
  private readonly mtu: number;
  private readonly groups: PortGroup[];
  private readonly ports = new Map<number, Port>();
  private readonly table: MacTable;
  private mirrors: readonly MirrorSession[] = [];
  private nextPort = 1;

  constructor({ name, portGroups, mtu = DEFAULT_MTU, ageingNs = AGEING_NS }: SwitchOptions, nowNs: () => number) {
    this.name = name;
    this.nowNs = nowNs;
    this.mtu = mtu;
    this.groups = [...portGroups];
    this.table = new MacTable(ageingNs);
  }

  /** Adds a port group, unless there is one of that name. */
  ensureGroup(group: PortGroup): void { if (!this.groups.some(({ name }) => name === group.name)) this.groups.push(group); }

  /** A new port, by its number. */
  connect(options: PortOptions): number {
    const group = this.groups.find(({ name }) => name === options.portGroup) ?? (options.isUplink ? { name: options.portGroup, vlan: TRUNK } : undefined);
    if (group === undefined) throw new EngineError('no-port-group', say`The switch ${this.name} has no port group ${options.portGroup}.`);
    const id = this.nextPort++;
    this.ports.set(id, new Port(id, group, options, this.nowNs()));
    return id;
  }

  disconnect(port: number): void {
    this.ports.delete(port);
    this.table.forget(port);
    this.mirrors = this.mirrors.filter(({ destination }) => destination !== port);
  }

  setConnected(port: number, connected: boolean): void {
    this.port(port).connected = connected;
    if (!connected) this.table.forget(port);
  }

  /** What the guest made of its NIC. */
  setFilter(port: number, filter: { readonly mac: Mac; readonly promiscuous: boolean }): void { Object.assign(this.port(port), filter); }

  mirror(sessions: readonly MirrorSession[]): void { this.mirrors = sessions; }

  counters(port: number): PortCounters { return structuredClone(this.port(port).counters); }

  /** A frame comes in at a port. It is not kept, but delivered at once, or dropped and counted. */
  receive(id: number, frame: Frame): void {
    const port = this.port(id), nowNs = this.nowNs(), cause = this.refusal(port, frame, nowNs);
    if (cause !== undefined) { port.drop('in', cause); return; }
    port.count('in', frame.bytes.length);
    const tag = vlanOf(frame.bytes), vlan = port.isTrunk ? tag ?? 0 : port.group.vlan;
    const inner = tag === undefined ? frame : untagged(frame), source = macAt(frame.bytes, 6), destination = macAt(frame.bytes, 0);
    this.table.learn(vlan, source, id, nowNs);
    this.copyToMirrors(port, 'in', inner, vlan);
    const known = isGroup(destination) ? undefined : this.table.find(vlan, destination, nowNs);
    for (const other of this.ports.values()) {
      if (other === port || !other.isIn(vlan) || this.isMirrorDestination(other)) continue;
      const isMeant = known === undefined || known === other.id;
      if (isMeant || (other.promiscuous && other.policy.promiscuous)) this.deliver(other, inner, vlan);
    }
  }

  save(): SwitchState { return { table: this.table.save(), ports: [...this.ports].map(([id, port]) => [id, port.save()] as const) }; }

  /** The same ports are connected. */
  restore(state: SwitchState): void {
    this.table.restore(state.table);
    for (const [id, port] of state.ports) this.ports.get(id)?.restore(port);
  }

  private port(id: number): Port {
    const port = this.ports.get(id);
    assert(port !== undefined, `the switch ${this.name} has a port ${id}`);
    return port;
  }

  private refusal(port: Port, { bytes, offload }: Frame, nowNs: number): DropCause | undefined {
    if (!port.connected) return 'disconnected';
    if (bytes.length < ETHERNET_BYTES) return 'malformed';
    const tag = vlanOf(bytes), source = macAt(bytes, 6);
    if (isGroup(source) || source === BROADCAST || (tag !== undefined && tag > 4094)) return 'malformed';
    if (!port.isTrunk && tag !== undefined) return 'vlan';
    if (this.largest({ bytes, offload }) > this.mtu + ETHERNET_BYTES + (tag === undefined ? 0 : 4)) return 'oversize';
    if (port.isBlocked) return 'mac change';
    if (!port.policy.forgedTransmits && port.mac !== undefined && source !== port.mac) return 'forged';
    return port.admits('in', bytes.length, nowNs) ? undefined : 'limit';
  }

  /** Of what is to be cut, one segment and its headers count. */
  private largest({ bytes, offload }: Frame): number {
    if (offload.segmentation === 'none') return bytes.length;
    const packet = parseIp(vlanOf(bytes) === undefined ? bytes : untagged({ bytes, offload }).bytes);
    const headers = packet === undefined ? 0 : packet.payloadAt + ((packet.payload[12] ?? 0) >> 4) * 4;
    return Math.min(bytes.length, headers + offload.segmentBytes);
  }

  private deliver(port: Port, frame: Frame, vlan: number): void {
    const whole = port.isTrunk && vlan !== 0 ? tagged(frame, vlan) : frame, cause = this.refusalOut(port, whole);
    if (cause !== undefined) { port.drop('out', cause); return; }
    port.count('out', whole.bytes.length);
    this.copyToMirrors(port, 'out', frame, vlan);
  }

  private refusalOut(port: Port, frame: Frame): DropCause | undefined {
    if (!port.connected) return 'disconnected';
    if (port.isBlocked) return 'mac change';
    if (!port.admits('out', frame.bytes.length, this.nowNs())) return 'limit';
    return port.options.deliver(frame) ? undefined : 'no room';
  }

  private isMirrorDestination({ id }: Port) { return this.mirrors.some(({ destination }) => destination === id); }

  private copyToMirrors(port: Port, direction: 'in' | 'out', frame: Frame, vlan: number): void {
    for (const { sources, destination } of this.mirrors) {
      const isSource = sources.some(source => source.port === port.id && (source.direction === direction || source.direction === 'both'));
      const to = this.ports.get(destination);
      if (!isSource || to === undefined || to === port) continue;
      const whole = to.isTrunk && vlan !== 0 ? tagged(frame, vlan) : frame, cause = this.refusalOut(to, whole);
      if (cause === undefined) to.count('out', whole.bytes.length);
      else to.drop('out', cause);
    }
  }
}
