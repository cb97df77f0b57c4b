/** A board's disks and drives as firmware finds them: each with its device path and a name for people. */
import type { DiskBus } from '../../shared/model/vm.ts';
import type { ScsiUnit } from '../devices/scsi/scsi-unit.ts';
import type { BlockMedium } from '../devices/virtio/block.ts';
import { memoryMapped, nvme, pci, pciRoot, scsi, type DevicePath, type PathNode } from '../firmware/uefi/device-path.ts';
import type { FirmwareDisk } from '../firmware/uefi/disks.ts';
import { virtioSlot } from '../firmware/board-map.ts';
import type { BoardDisk } from './board.ts';

interface Places { readonly virtioDevices: readonly number[]; readonly nvmeDevice: number; readonly scsiDevice: number; readonly drives: readonly ScsiUnit[] }

const BUS_NAMES = { 'virtio': 'virtio', 'nvme': 'NVMe', 'scsi': 'SCSI', 'virtio-mmio': 'virtio' } as const;

/** In the order of the specification. Namespaces count from 1, SCSI targets from 0, also over drives. */
export function firmwareDisks(disks: readonly BoardDisk[], { virtioDevices, nvmeDevice, scsiDevice, drives }: Places): FirmwareDisk[] {
  const seen = { 'nvme': 0, 'target': 0, 'drive': 0, 'disk': 0, 'virtio-mmio': 0 };
  return disks.map(({ bus, medium }, n) => {
    if (bus === 'cdrom') {
      const drive = drives[seen.drive++]!;
      return { name: `CD drive ${seen.drive}`, path: [pciRoot(), pci(scsiDevice), scsi(seen.target++)], isCdrom: true, medium: () => drive.medium };
    }
    const name = `Disk ${++seen.disk} (${BUS_NAMES[bus]})`, at = (...path: PathNode[]): FirmwareDisk => ({ name, path: [pciRoot(), ...path], isCdrom: false, medium: () => medium });
    if (bus === 'virtio') return at(pci(virtioDevices[n]!));
    if (bus === 'nvme') return at(pci(nvmeDevice), nvme(++seen.nvme));
    if (bus === 'scsi') return at(pci(scsiDevice), scsi(seen.target++));
    const { base, size } = virtioSlot(seen['virtio-mmio']++), path: DevicePath = [memoryMapped(base, size)];
    return { name, path, isCdrom: false, medium: () => medium };
  });
}

/** Behind a root port. */
export function slotDisk(port: number, { bus, medium, number }: { readonly bus: DiskBus; readonly medium: BlockMedium; readonly number: number }): FirmwareDisk {
  const unit = bus === 'nvme' ? [nvme(1)] : bus === 'scsi' ? [scsi(0)] : [];
  return { name: `Disk ${number} (${BUS_NAMES[bus]})`, path: [pciRoot(), pci(port), pci(0), ...unit], isCdrom: false, medium: () => medium };
}
