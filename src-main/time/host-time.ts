/** The host's monotonic time in nanoseconds, the same in every thread of this process. */
export function hostNowNs(): number {
  const [seconds, ns] = process.hrtime();
  return seconds * 1e9 + ns;
}
