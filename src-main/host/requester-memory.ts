import { GITS_TRANSLATER } from '../firmware/board-map.ts';
import type { Dma } from '../memory/dma.ts';
import type { AccessSize } from '../memory/region.ts';

/** What one PCI requester reaches: RAM, and the ITS, which hears who it is. No other device's registers. */
export class RequesterMemory implements Dma {
  private readonly ram: Dma;
  private readonly signal: (event: number) => void;

  constructor(ram: Dma, signal: (event: number) => void) {
    this.ram = ram;
    this.signal = signal;
  }

  store(address: number, size: AccessSize, value: number): boolean {
    if (address !== GITS_TRANSLATER || size !== 4) return this.ram.store(address, size, value);
    this.signal(value);
    return true;
  }

  load(address: number, size: AccessSize): number | undefined { return this.ram.load(address, size); }
  read(address: number, into: Uint8Array): boolean { return this.ram.read(address, into); }
  write(address: number, bytes: Uint8Array): boolean { return this.ram.write(address, bytes); }
  reaches(address: number, length: number, how: 'read' | 'write'): boolean { return this.ram.reaches(address, length, how); }
}
