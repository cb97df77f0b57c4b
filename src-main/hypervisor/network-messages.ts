/** What the engine, the network's worker and the VMs' workers say to each other. */
import type { MessagePort } from 'node:worker_threads';
import type { HostId } from '../../shared/base/ids.ts';
import type { NicSpec } from '../../shared/model/vm.ts';
import type { Mac } from '../fabric/frame.ts';
import { FRAME_RING_BYTES } from '../fabric/frame-ring.ts';
import type { LinkQuality } from '../fabric/switch/switch-link.ts';
import type { PortCounters, SwitchOptions } from '../fabric/switch/virtual-switch.ts';
import type { NicFilter } from '../devices/virtio/net.ts';
import type { Said } from '../../shared/base/phrase.ts';

/** The memory of a NIC's two rings: towards the network, and from it. */
export const NIC_MEMORY_BYTES = 2 * FRAME_RING_BYTES;
export const TX_RING = 0, RX_RING = FRAME_RING_BYTES;

/** What a VM's worker gets of a NIC. */
export interface NicChannel { readonly memory: SharedArrayBuffer; readonly doorbell: MessagePort; readonly mac: Mac; readonly mtu: number; /** See `NicSpec`. */ readonly slot: number | undefined }

/** Through a doorbell, either way: something is in a ring, or there is room again. */
export type ToNicNetwork = 'ring' | { readonly filter: NicFilter };
export type ToNicVm = 'ring' | { readonly linkUp: boolean };

export interface CaptureOptions {
  readonly path: string;
  /** Ends when the file has this size. */
  readonly limitBytes?: number;
}

export interface MirrorOptions { readonly sources: readonly { readonly nic: number; readonly direction: 'in' | 'out' | 'both' }[]; readonly destination: number }

export type NetworkCall =
  | { readonly kind: 'attach'; readonly nic: number; readonly spec: NicSpec; readonly mac: Mac; readonly name: string; readonly memory: SharedArrayBuffer; readonly doorbell: MessagePort; readonly host: HostId | undefined }
  /** Its VM goes on in another worker, which has the same rings, maybe on another host and another network. */
  | { readonly kind: 'move'; readonly nic: number; readonly doorbell: MessagePort; readonly host: HostId | undefined; readonly spec: NicSpec }
  | { readonly kind: 'detach'; readonly nic: number }
  | { readonly kind: 'connect'; readonly nic: number; readonly connected: boolean }
  | { readonly kind: 'counters'; readonly nic: number }
  | { readonly kind: 'capture'; readonly nic: number; readonly capture: CaptureOptions }
  | { readonly kind: 'stop-capture'; readonly nic: number }
  | { readonly kind: 'define-switch'; readonly options: SwitchOptions }
  /** What joins the switches of a host to those of others. */
  | { readonly kind: 'host-link'; readonly host: HostId; readonly quality: LinkQuality }
  | { readonly kind: 'mirror'; readonly switch: string; readonly sessions: readonly MirrorOptions[] };

/** Answers by call. */
export interface AttachedNic {
  /** Ports of the host, in the order of the NIC's forwards. */
  readonly hostPorts: readonly number[];
}

export interface ToNetwork { readonly id: number; readonly call: NetworkCall }
export type FromNetwork = { readonly id: number; readonly result: unknown } | { readonly id: number; readonly error: { readonly code: string; readonly said: Said } };

/** A NIC of a running VM, for whoever runs it. */
export interface NicHandle {
  readonly mac: Mac;
  /** Resolves when it is plugged in, its port forwards open; rejects with the reason when that cannot be. */
  readonly ready: Promise<AttachedNic>;
  setConnected(connected: boolean): Promise<void>;
  /** Of its port: `in` comes from the guest. */
  counters(): Promise<PortCounters>;
  startCapture(capture: CaptureOptions): Promise<void>;
  /** Resolves when the file is whole. */
  stopCapture(): Promise<void>;
}
