/** Time for which the calling thread had a processor, in nanoseconds: exact in the long run, late by some milliseconds at once. */
export function threadCpuNs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) * 1000;
}
