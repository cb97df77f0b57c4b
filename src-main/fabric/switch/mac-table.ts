import type { Mac } from '../frame.ts';

/** VLAN, address, port, and when it was heard. */
export type MacTableState = readonly (readonly [vlan: number, mac: Mac, port: number, heardNs: number])[];

const MOST_ENTRIES = 4096;
const keyOf = (vlan: number, mac: Mac) => `${vlan} ${mac}`;

interface Entry { readonly vlan: number; readonly mac: Mac; port: number; heardNs: number }

/** Which port a MAC address was last heard at, for each VLAN (IEEE 802.1Q, 8.8). */
export class MacTable {
  private entries = new Map<string, Entry>();
  private readonly ageingNs: number;

  constructor(ageingNs: number) { this.ageingNs = ageingNs; }

  get size(): number { return this.entries.size; }

  /** When it is full, the address that was heard first makes room. */
  learn(vlan: number, mac: Mac, port: number, nowNs: number): void {
    const key = keyOf(vlan, mac), entry = this.entries.get(key);
    if (entry !== undefined) { entry.port = port; entry.heardNs = nowNs; return; }
    if (this.entries.size >= MOST_ENTRIES) this.entries.delete(this.entries.keys().next().value!);
    this.entries.set(key, { vlan, mac, port, heardNs: nowNs });
  }

  find(vlan: number, mac: Mac, nowNs: number): number | undefined {
    const key = keyOf(vlan, mac), entry = this.entries.get(key);
    if (entry === undefined) return undefined;
    if (nowNs - entry.heardNs <= this.ageingNs) return entry.port;
    this.entries.delete(key);
    return undefined;
  }

  forget(port: number): void {
    for (const [key, entry] of this.entries) if (entry.port === port) this.entries.delete(key);
  }

  save(): MacTableState { return [...this.entries.values()].map(({ vlan, mac, port, heardNs }) => [vlan, mac, port, heardNs] as const); }

  restore(state: MacTableState): void {
    this.entries = new Map(state.map(([vlan, mac, port, heardNs]) => [keyOf(vlan, mac), { vlan, mac, port, heardNs }]));
  }
}
