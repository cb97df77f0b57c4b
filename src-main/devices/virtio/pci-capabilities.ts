/** The vendor's capabilities by which a driver finds the parts of a virtio device (virtio 1.2, 4.1.4). */
import { CAP_VENDOR, type Capability, type CapabilityOwner } from '../pci/capability.ts';
import { fields } from '../pci/config-space.ts';

export const VIRTIO_BAR = 4;
const PART_BYTES = 0x1000;
/** Where each part is in the BAR, a page each. */
export const COMMON = 0, ISR = PART_BYTES, DEVICE = 2 * PART_BYTES, NOTIFY = 3 * PART_BYTES, VIRTIO_BAR_BYTES = 4 * PART_BYTES;
/** Bytes between the doorbells of two queues. */
export const NOTIFY_MULTIPLIER = 4;

const TYPE_COMMON = 1, TYPE_NOTIFY = 2, TYPE_ISR = 3, TYPE_DEVICE = 4, TYPE_PCI = 5;
const CAP_BYTES = 16;
const DATA = 16;

function part(type: number, offset: number, length: number, multiplier?: number): Capability {
  const size = multiplier === undefined ? CAP_BYTES : CAP_BYTES + 4;
  return {
    id: CAP_VENDOR,
    bytes: fields(size, {
      2: [1, size], 3: [1, type], 4: [1, VIRTIO_BAR], 8: [4, offset], 12: [4, length], ...(multiplier !== undefined && { 16: [4, multiplier] }),
    }),
  };
}

/** A window from configuration space into the BAR, for drivers that cannot reach memory (4.1.4.9). */
class ConfigAccess implements Capability {
  readonly id = CAP_VENDOR;
  readonly bytes = fields(CAP_BYTES + 4, { 2: [1, CAP_BYTES + 4], 3: [1, TYPE_PCI] });
  readonly writable = fields(CAP_BYTES + 4, { 4: [1, 0xff], 8: [4, 0xffff_ffff], 12: [4, 0xffff_ffff], 16: [4, 0xffff_ffff] });
  private owner!: CapabilityOwner;

  attach(owner: CapabilityOwner): void { this.owner = owner; }

  read(offset: number): void {
    const { window } = this.owner, access = this.access();
    if (offset < DATA || access === undefined) return;
    window.setUint32(DATA, this.owner.readBar(access.bar, access.at, access.size), true);
  }

  write(offset: number): void {
    const { window } = this.owner, access = this.access();
    if (offset < DATA || access === undefined) return;
    const value = window.getUint32(DATA, true);
    this.owner.writeBar(access.bar, access.at, access.size, access.size === 4 ? value : value & (1 << 8 * access.size) - 1);
  }

  private access() {
    const { window } = this.owner, at = window.getUint32(8, true), size = window.getUint32(12, true);
    if ((size !== 1 && size !== 2 && size !== 4) || at % size !== 0 || window.getUint8(4) !== VIRTIO_BAR) return undefined;
    return { bar: VIRTIO_BAR, at, size } as const;
  }
}

export const virtioCapabilities = (configBytes: number): Capability[] => [
  part(TYPE_COMMON, COMMON, PART_BYTES), part(TYPE_NOTIFY, NOTIFY, PART_BYTES, NOTIFY_MULTIPLIER), part(TYPE_ISR, ISR, PART_BYTES),
  ...(configBytes > 0 ? [part(TYPE_DEVICE, DEVICE, PART_BYTES)] : []), new ConfigAccess(),
];
