/** Which frames a virtio NIC passes to its guest (virtio 1.2, 5.1.6.5.1 to 5.1.6.5.3), as the driver set it by control commands. */
import { BROADCAST, isGroup, macAt, type Mac } from '../../fabric/frame.ts';
import { vlanOf } from '../../fabric/switch/vlan-tag.ts';

const MOST_MACS = 64;
const VLANS = 4096;

/** Commands of class RX, in their order. */
const MODES = ['promiscuous', 'allMulticast', 'allUnicast', 'noMulticast', 'noUnicast', 'noBroadcast'] as const;
type Mode = typeof MODES[number];

export interface NetFilterState {
  mac: Mac;
  modes: Record<Mode, boolean>;
  macs: Mac[];
  /** The table did not fit: all of that kind pass. */
  overflow: { unicast: boolean; multicast: boolean };
  vlans: number[];
}

const newState = (mac: Mac): NetFilterState => ({
  mac, modes: { promiscuous: true, allMulticast: false, allUnicast: false, noMulticast: false, noUnicast: false, noBroadcast: false },
  macs: [], overflow: { unicast: false, multicast: false }, vlans: [],
});

export class NetFilter {
  state: NetFilterState;
  private vlans = new Uint8Array(VLANS);
  private readonly ownMac: Mac;

  constructor(mac: Mac) {
    this.ownMac = mac;
    this.state = newState(mac);
  }

  accepts(frame: Uint8Array, byVlan: boolean): boolean {
    const { modes, macs, overflow, mac } = this.state;
    if (modes.promiscuous) return true;
    const vlan = byVlan ? vlanOf(frame) : undefined;
    if (vlan !== undefined && this.vlans[vlan] === 0) return false;
    const to = macAt(frame, 0);
    if (to === BROADCAST) return !modes.noBroadcast;
    if (isGroup(to)) return !modes.noMulticast && (modes.allMulticast || overflow.multicast || macs.includes(to));
    return !modes.noUnicast && (modes.allUnicast || overflow.unicast || to === mac || macs.includes(to));
  }

  /** The commands give whether they were well formed. */
  setMode(command: number, data: Uint8Array): boolean {
    const mode = MODES[command];
    if (mode === undefined || data.length < 1) return false;
    this.state.modes[mode] = data[0] !== 0;
    return true;
  }

  setMac(data: Uint8Array): boolean {
    if (data.length < 6) return false;
    this.state.mac = macAt(data, 0);
    return true;
  }

  /** Two tables, each of a count and addresses: unicast and multicast. */
  setTable(data: Uint8Array): boolean {
    const unicast = tableAt(data, 0), multicast = unicast && tableAt(data, unicast.end);
    if (unicast === undefined || multicast === undefined) return false;
    const fits = ({ macs }: { macs: Mac[] }) => macs.length <= MOST_MACS;
    this.state.overflow = { unicast: !fits(unicast), multicast: !fits(multicast) };
    this.state.macs = [unicast, multicast].filter(fits).flatMap(({ macs }) => macs);
    return true;
  }

  setVlan(data: Uint8Array, passes: boolean): boolean {
    const vlan = data[0]! | data[1]! << 8;
    if (data.length < 2 || vlan >= VLANS) return false;
    this.vlans[vlan] = Number(passes);
    return true;
  }

  reset(): void { this.restore(newState(this.ownMac)); }

  save(): NetFilterState { return structuredClone({ ...this.state, vlans: Array.from(this.vlans.keys()).filter(vlan => this.vlans[vlan] !== 0) }); }

  restore(state: NetFilterState): void {
    this.state = structuredClone(state);
    this.vlans.fill(0);
    for (const vlan of state.vlans) this.vlans[vlan] = 1;
  }
}

function tableAt(data: Uint8Array, at: number): { macs: Mac[]; end: number } | undefined {
  if (at + 4 > data.length) return undefined;
  const count = new DataView(data.buffer, data.byteOffset).getUint32(at, true), end = at + 4 + 6 * count;
  return end > data.length ? undefined : { macs: Array.from({ length: count }, (_, n) => macAt(data, at + 4 + 6 * n)), end };
}
