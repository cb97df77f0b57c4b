/**
 * A cable between two switches, with a bandwidth, latency and loss where wanted, which may change. Which frames are lost follows
 * from a seed. A cable that is full drops, as a real one's queue does; one that is cut drops everything.
 */
import type { Frame } from '../frame.ts';
import { Random } from '../random.ts';
import type { VirtualSwitch } from './virtual-switch.ts';

export interface LinkQuality {
  readonly latencyNs?: number;
  /** Part of frames that is lost, 0 to 1. */
  readonly loss?: number;
  /** Each way; as much as comes when absent. */
  readonly bitsPerSecond?: number;
  readonly isCut?: boolean;
}
export interface LinkOptions extends LinkQuality { readonly seed?: number }
type Side = 0 | 1;
interface Travelling { readonly to: Side; readonly dueNs: number; readonly frame: Frame }
export interface LinkState { readonly random: number; readonly travelling: readonly Travelling[]; readonly lost: number; readonly dropped: number }

const MOST_TRAVELLING_BYTES = 2 ** 22;
const UPLINK = 'uplink';
const PLAIN: Required<LinkQuality> = { latencyNs: 0, loss: 0, bitsPerSecond: Infinity, isCut: false };

export class SwitchLink {
  private quality: Required<LinkQuality>;
  /** By the side that it goes to, when the last frame has left. */
  private readonly leftNs = [0, 0];
  private readonly ends: readonly { readonly on: VirtualSwitch; readonly port: number }[];
  private readonly nowNs: () => number;
  private readonly random: Random;
  private travelling: Travelling[] = [];
  private travellingBytes = 0;
  private isDelivering = false;
  lost = 0;
  dropped = 0;

  constructor(a: VirtualSwitch, b: VirtualSwitch, nowNs: () => number, { seed = 1, ...quality }: LinkOptions = {}) {
    this.quality = { ...PLAIN, ...quality };
    this.nowNs = nowNs;
    this.random = new Random(seed);
    this.ends = [a, b].map((on, side) => ({ on, port: on.connect({ portGroup: UPLINK, isUplink: true, deliver: frame => this.take(side === 0 ? 1 : 0, frame) }) }));
  }

  /** What is under way stays so, unless it is cut. */
  set(quality: LinkQuality): void {
    this.quality = { ...PLAIN, ...quality };
    if (!this.quality.isCut) return;
    this.dropped += this.travelling.length;
    this.travelling = [];
    this.travellingBytes = 0;
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
    const { latencyNs, loss, bitsPerSecond, isCut } = this.quality;
    if (isCut) { this.dropped++; return false; }
    if (loss > 0 && this.random.next() < loss) { this.lost++; return true; }
    if (this.travellingBytes + frame.bytes.length > MOST_TRAVELLING_BYTES) { this.dropped++; return false; }
    const nowNs = this.nowNs(), leftNs = this.leftNs[to] = Math.max(nowNs, this.leftNs[to]!) + frame.bytes.length * 8e9 / bitsPerSecond, dueNs = leftNs + latencyNs;
    this.travelling.push({ to, dueNs, frame: { bytes: frame.bytes.slice(), offload: frame.offload } });
    // Each way is in order, and both together are nearly.
    for (let at = this.travelling.length - 1; at > 0 && this.travelling[at - 1]!.dueNs > dueNs; at--) [this.travelling[at - 1], this.travelling[at]] = [this.travelling[at]!, this.travelling[at - 1]!];
    this.travellingBytes += frame.bytes.length;
    if (dueNs <= nowNs) this.runDue(nowNs);
    return true;
  }
}
