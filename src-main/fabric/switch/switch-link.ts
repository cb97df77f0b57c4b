/**
 * A cable between two switches, with latency and loss where wanted. Which frames are lost follows from a seed. A cable that
 * is full drops, as a real one's queue does.
 */
import type { Frame } from '../frame.ts';
import { Random } from '../random.ts';
import type { VirtualSwitch } from './virtual-switch.ts';

export interface LinkOptions {
  readonly latencyNs?: number;
  /** Part of frames that is lost, 0 to 1. */
  readonly loss?: number;
  readonly seed?: number;
}
type Side = 0 | 1;
interface Travelling { readonly to: Side; readonly dueNs: number; readonly frame: Frame }
export interface LinkState { readonly random: number; readonly travelling: readonly Travelling[]; readonly lost: number; readonly dropped: number }

const MOST_TRAVELLING_BYTES = 2 ** 22;
const UPLINK = 'uplink';

export class SwitchLink {
  private readonly options: Required<LinkOptions>;
  private readonly ends: readonly { readonly on: VirtualSwitch; readonly port: number }[];
  private readonly nowNs: () => number;
  private readonly random: Random;
  private travelling: Travelling[] = [];
  private travellingBytes = 0;
  private isDelivering = false;
  lost = 0;
  dropped = 0;

  constructor(a: VirtualSwitch, b: VirtualSwitch, nowNs: () => number, { latencyNs = 0, loss = 0, seed = 1 }: LinkOptions = {}) {
    this.options = { latencyNs, loss, seed };
    this.nowNs = nowNs;
    this.random = new Random(seed);
    this.ends = [a, b].map((on, side) => ({ on, port: on.connect({ portGroup: UPLINK, isUplink: true, deliver: frame => this.take(side === 0 ? 1 : 0, frame) }) }));
  }

  get deadlineNs(): number { return this.travelling[0]?.dueNs ?? Infinity; }

  runDue(nowNs: number): void {
    // A frame that arrives may send another; it comes after those that are under way.
    if (this.isDelivering) return;
    this.isDelivering = true;
    for (let [first] = this.travelling; first !== undefined && first.dueNs <= nowNs; [first] = this.travelling) {
      this.travelling.shift();
      this.travellingBytes -= first.frame.bytes.length;
      const { on, port } = this.ends[first.to]!;
      on.receive(port, first.frame);
    }
    this.isDelivering = false;
  }

  disconnect(): void { for (const { on, port } of this.ends) on.disconnect(port); }

  save(): LinkState { return structuredClone({ random: this.random.state, travelling: this.travelling, lost: this.lost, dropped: this.dropped }); }

  restore(state: LinkState): void {
    const { random, travelling, lost, dropped } = structuredClone(state);
    Object.assign(this, { lost, dropped });
    this.random.state = random;
    this.travelling = [...travelling];
    this.travellingBytes = travelling.reduce((sum, { frame }) => sum + frame.bytes.length, 0);
  }

  private take(to: Side, frame: Frame): boolean {
    if (this.options.loss > 0 && this.random.next() < this.options.loss) { this.lost++; return true; }
    if (this.travellingBytes + frame.bytes.length > MOST_TRAVELLING_BYTES) { this.dropped++; return false; }
    const nowNs = this.nowNs();
    this.travelling.push({ to, dueNs: nowNs + this.options.latencyNs, frame: { bytes: frame.bytes.slice(), offload: frame.offload } });
    this.travellingBytes += frame.bytes.length;
    if (this.options.latencyNs === 0) this.runDue(nowNs);
    return true;
  }
}
