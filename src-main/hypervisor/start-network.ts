/** Starts the network's worker, with the first VM that has a NIC, and speaks for it. */
import { createHash } from 'node:crypto';
import { MessageChannel, Worker, type MessagePort, type Transferable } from 'node:worker_threads';
import type { HostId } from '../../shared/base/ids.ts';
import { EngineError } from '../../shared/base/errors.ts';
import { VM_LIMITS, type NicSpec } from '../../shared/model/vm.ts';
import { DEFAULT_MTU, macOf, type Mac } from '../fabric/frame.ts';
import type { LinkQuality } from '../fabric/switch/switch-link.ts';
import type { PortCounters, SwitchOptions } from '../fabric/switch/virtual-switch.ts';
import { workerFile } from './worker-file.ts';
import { NIC_MEMORY_BYTES, type AttachedNic, type FromNetwork, type MirrorOptions, type NetworkCall, type NicChannel, type NicHandle } from './network-messages.ts';

/** A NIC that is being plugged in. The channel is for its VM's worker. */
export interface PluggedNic extends NicHandle { readonly id: number; readonly slot: number | undefined; readonly channel: NicChannel; move(to: { readonly host: HostId | undefined; readonly spec: NicSpec }): NicMove; readonly spec: NicSpec; unplug(): Promise<void> }
/** The way of a NIC to another worker, which gets the channel; its frames go there from `take` on. */
export interface NicMove { readonly channel: NicChannel; readonly take: () => Promise<void> }

/** Locally administered, and the same whenever the seed and the place are. */
export const stableMac = (seed: string, place: number): Mac => {
  const bytes = createHash('sha256').update(`${place} ${seed}`).digest();
  return 0x5254_0000_0000 + bytes.readUIntBE(0, 4);
};

export class NetworkClient {
  private readonly worker: Worker;
  private readonly waiting = new Map<number, { resolve(result: unknown): void; reject(error: Error): void }>();
  private nextId = 1;

  constructor() {
    this.worker = new Worker(workerFile('network-worker'), { name: 'network' });
    this.worker.on('message', (message: FromNetwork) => this.answered(message));
    this.worker.on('error', (error: Error) => this.failed(error));
    this.worker.unref();
  }

  plug(spec: NicSpec, { name, seed, place: onBus, host }: { readonly name: string; readonly seed: string; readonly place: number; readonly host: HostId | undefined }): PluggedNic {
    // A slot's has the same address whatever else is there.
    const { slot } = spec, place = slot === undefined ? onBus : VM_LIMITS.nics + slot;
    const nic = this.nextId++, memory = new SharedArrayBuffer(NIC_MEMORY_BYTES), { port1, port2 } = new MessageChannel();
    const mac = (spec.mac === undefined ? undefined : macOf(spec.mac)) ?? stableMac(seed, place);
    const channelTo = (doorbell: MessagePort): NicChannel => ({ memory, doorbell, mac, mtu: DEFAULT_MTU, slot });
    const ready = this.call({ kind: 'attach', nic, spec, mac, name: `${name} nic${place}`, memory, doorbell: port1, host }, [port1]) as Promise<AttachedNic>;
    ready.catch(() => { /* whoever waits for it hears of it */ });
    return {
      id: nic, mac, slot, spec, ready, channel: channelTo(port2),
      setConnected: async connected => { await this.call({ kind: 'connect', nic, connected }); },
      counters: async () => await this.call({ kind: 'counters', nic }) as PortCounters,
      startCapture: async capture => { await this.call({ kind: 'capture', nic, capture }); },
      stopCapture: async () => { await this.call({ kind: 'stop-capture', nic }); },
      move: to => {
        const next = new MessageChannel();
        return { channel: channelTo(next.port2), take: async () => { await this.call({ kind: 'move', nic, doorbell: next.port1, ...to }, [next.port1]); } };
      },
      unplug: async () => { await this.call({ kind: 'detach', nic }); },
    };
  }

  /** Before the first NIC is at it; a switch that nobody defined has `VM Network` without a VLAN. */
  async defineSwitch(options: SwitchOptions): Promise<void> { await this.call({ kind: 'define-switch', options }); }

  async setHostLink(host: HostId, quality: LinkQuality): Promise<void> { await this.call({ kind: 'host-link', host, quality }); }

  /** All sessions of a switch, by the ids of NICs. */
  async mirror(name: string, sessions: readonly MirrorOptions[]): Promise<void> { await this.call({ kind: 'mirror', switch: name, sessions }); }

  async end(): Promise<void> { await this.worker.terminate(); }

  private call(call: NetworkCall, transfer: Transferable[] = []): Promise<unknown> {
    const id = this.nextId++;
    // As long as an answer is due, the process lives.
    this.worker.ref();
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.worker.postMessage({ id, call }, transfer);
    });
  }

  private answered(message: FromNetwork): void {
    const waiting = this.waiting.get(message.id);
    this.waiting.delete(message.id);
    if (this.waiting.size === 0) this.worker.unref();
    if ('error' in message) waiting?.reject(new EngineError(message.error.code, message.error.said));
    else waiting?.resolve(message.result);
  }

  private failed(error: Error): void {
    for (const waiting of this.waiting.values()) waiting.reject(error);
    this.waiting.clear();
    throw error;
  }
}

let shared: NetworkClient | undefined;
/** The one network of this process. */
export function sharedNetwork(): NetworkClient {
  if (shared !== undefined) return shared;
  shared = new NetworkClient();
  for (const [host, quality] of hostLinks) void shared.setHostLink(host, quality);
  return shared;
}

const hostLinks = new Map<HostId, LinkQuality>();
/** What joins a host's switches to those of others, now and when there is a network. */
export function setHostLink(host: HostId, quality: LinkQuality): void {
  hostLinks.set(host, quality);
  void shared?.setHostLink(host, quality);
}
