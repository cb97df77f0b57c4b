/** Time for which the calling thread had a processor, in nanoseconds; waiting in a call counts where the runtime cannot tell. Exact in the long run, to some milliseconds at once. */
import { hostNowNs } from './host-time.ts';

export function threadCpuNs(): number {
  // Node has it since 23.9.
  if (typeof process.threadCpuUsage !== 'function') return hostNowNs();
  const { user, system } = process.threadCpuUsage();
  return (user + system) * 1000;
}
