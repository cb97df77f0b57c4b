/** The servers a new inventory begins with. */
import type { HostId } from '../../shared/base/ids.ts';
import type { Host } from '../../shared/model/host.ts';

export const SAMPLE_HOSTS: readonly Host[] = [
  { id: 'host-a' as HostId, name: 'host-a.lab.local', model: 'Quarterdeck Q8', cpus: 8, memoryMib: 16384, counterHz: 62_500_000, connected: true },
  { id: 'host-b' as HostId, name: 'host-b.lab.local', model: 'Quarterdeck Q4', cpus: 4, memoryMib: 8192, counterHz: 24_000_000, connected: true },
];
