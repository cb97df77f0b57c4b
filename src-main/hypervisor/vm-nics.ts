/** A VM's NICs as its worker has them: their rings, and how the worker sleeps until something is in one. */
import type { VirtioNetIo } from '../devices/virtio/net.ts';
import { FrameRing } from '../fabric/frame-ring.ts';
import { RX_RING, TX_RING, type NicChannel, type ToNicNetwork, type ToNicVm } from './network-messages.ts';

type NicIo = Omit<VirtioNetIo, 'dma'>;
export interface NicListener { readonly ring: () => void; readonly link: (name: string, up: boolean) => void }

interface Nic { readonly io: NicIo; readonly doorbell: NicChannel['doorbell']; readonly slot: number | undefined }

/** What the board calls the NIC in a hot-plug slot. */
export const slotName = (slot: number): string => `slot-${slot}`;

export class VmNics {
  /** By the names that the board has for them. */
  private readonly all = new Map<string, Nic>();
  private readonly listener: NicListener;

  constructor(channels: readonly NicChannel[], listener: NicListener) {
    this.listener = listener;
    let fixed = 0;
    for (const channel of channels) this.open(channel.slot === undefined ? `nic-${fixed++}` : slotName(channel.slot), channel);
  }

  /** Those in no slot, in their order. */
  get fixed(): readonly NicIo[] { return [...this.all.values()].filter(({ slot }) => slot === undefined).map(({ io }) => io); }
  get inSlots(): readonly (readonly [slot: number, NicIo])[] { return [...this.all.values()].flatMap(({ slot, io }) => (slot === undefined ? [] : [[slot, io] as const])); }

  openInSlot(slot: number, channel: NicChannel): NicIo { return this.open(slotName(slot), channel); }

  closeSlot(slot: number): void {
    this.all.get(slotName(slot))?.doorbell.close();
    this.all.delete(slotName(slot));
  }

  /** To be rung for from now on; false when there is something already. */
  sleep(): boolean { return [...this.all.values()].map(({ io: { rx } }) => rx.sleep()).every(mayStay => mayStay); }
  wake(): void { for (const { io: { rx } } of this.all.values()) rx.wake(); }
  close(): void { for (const { doorbell } of this.all.values()) doorbell.close(); }

  private open(name: string, { memory, doorbell, mac, mtu, slot }: NicChannel): NicIo {
    const ring = () => doorbell.postMessage('ring' satisfies ToNicNetwork);
    const io: NicIo = {
      mac, mtu, tx: new FrameRing(memory, TX_RING, ring), rx: new FrameRing(memory, RX_RING, ring),
      filterChanged: filter => doorbell.postMessage({ filter } satisfies ToNicNetwork),
    };
    this.all.set(name, { io, doorbell, slot });
    doorbell.on('message', (message: ToNicVm) => {
      if (message !== 'ring') this.listener.link(name, message.linkUp);
      this.listener.ring();
    });
    return io;
  }
}
