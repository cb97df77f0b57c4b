import type { Dma } from '../../memory/dma.ts';
import type { AccessSize } from '../../memory/region.ts';

/** What a function hangs on, which carries its transactions. */
export interface Attachment {
  /** Bus, device and function number, as they are now. */
  readonly requesterId: number;
  /** In the root complex itself, behind no port. */
  readonly integrated: boolean;
  /** Memory for this requester; undefined while a bridge above forwards nothing. */
  readonly dma: Dma | undefined;
  /** What the function answers to on the bus has changed. */
  changed(): void;
}

/** Memory as a function reaches it: not at all without Bus Master Enable, or unplugged. */
export class BusMaster implements Dma {
  attachment: Attachment | undefined;
  isEnabled = false;

  private get memory(): Dma | undefined { return this.isEnabled ? this.attachment?.dma : undefined; }

  load(address: number, size: AccessSize): number | undefined { return this.memory?.load(address, size); }
  store(address: number, size: AccessSize, value: number): boolean { return this.memory?.store(address, size, value) ?? false; }
  read(address: number, into: Uint8Array): boolean { return this.memory?.read(address, into) ?? false; }
  write(address: number, bytes: Uint8Array): boolean { return this.memory?.write(address, bytes) ?? false; }
  reaches(address: number, length: number, how: 'read' | 'write'): boolean { return this.memory?.reaches(address, length, how) ?? false; }
}
