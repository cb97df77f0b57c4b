/** A VM's NICs as its worker has them: their rings, and how the worker sleeps until something is in one. */
import type { VirtioNetIo } from '../devices/virtio/net.ts';
import { FrameRing } from '../fabric/frame-ring.ts';
import { RX_RING, TX_RING, type NicChannel, type ToNicNetwork, type ToNicVm } from './network-messages.ts';

export class VmNics {
  readonly ios: readonly Omit<VirtioNetIo, 'dma'>[];
  private readonly channels: readonly NicChannel[];

  constructor(channels: readonly NicChannel[]) {
    this.channels = channels;
    this.ios = channels.map(({ memory, doorbell, mac, mtu }) => {
      const ring = () => doorbell.postMessage('ring' satisfies ToNicNetwork);
      return {
        mac, mtu, tx: new FrameRing(memory, TX_RING, ring), rx: new FrameRing(memory, RX_RING, ring),
        filterChanged: filter => doorbell.postMessage({ filter } satisfies ToNicNetwork),
      };
    });
  }

  listen(on: { readonly ring: () => void; readonly link: (nic: number, up: boolean) => void }): void {
    this.channels.forEach(({ doorbell }, nic) => doorbell.on('message', (message: ToNicVm) => {
      if (message !== 'ring') on.link(nic, message.linkUp);
      on.ring();
    }));
  }

  /** To be rung for from now on; false when there is something already. */
  sleep(): boolean { return this.ios.map(({ rx }) => rx.sleep()).every(mayStay => mayStay); }
  wake(): void { for (const { rx } of this.ios) rx.wake(); }
  close(): void { for (const { doorbell } of this.channels) doorbell.close(); }
}
