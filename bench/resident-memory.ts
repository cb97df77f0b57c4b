/** What a process that runs a guest takes of memory besides the guest's RAM, from /proc. */
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';

/** Where a guest's RAM lies in its process: from `offset` of the smallest writable mapping that has room for it. */
export interface GuestRamPlace { readonly offset: number; readonly bytes: number }

const PAGE = 4096, MIB = 2 ** 20;
/** The upper half of a page's entry in /proc/PID/pagemap: it is present, and nobody else's, as the page of zeros would be. */
const PRESENT = 2 ** 31, EXCLUSIVE = 2 ** 24;

/** The process's greatest resident size so far, without what is resident of the guest's RAM. */
export function residentBeyondMib(pid: number, ram: GuestRamPlace): number {
  const peakKib = Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
  const start = ramStart(readFileSync(`/proc/${pid}/maps`, 'utf8'), ram);
  return peakKib / 1024 - residentBytes(pid, start, ram.bytes) / MIB;
}

/** Address of the guest's RAM, from the text of /proc/PID/maps. */
export function ramStart(maps: string, { offset, bytes }: GuestRamPlace): number {
  const fitting = [...maps.matchAll(/^([0-9a-f]+)-([0-9a-f]+) rw-/gm)]
    .map(([, from = '', to = '']) => ({ start: parseInt(from, 16), size: parseInt(to, 16) - parseInt(from, 16) }))
    .filter(({ size }) => size >= offset + bytes).sort((a, b) => a.size - b.size);
  if (fitting[0] === undefined) throw new Error('the process has no mapping that could hold the guest\'s RAM');
  return fitting[0].start + offset;
}

function residentBytes(pid: number, start: number, bytes: number): number {
  const entries = Buffer.alloc(bytes / PAGE * 8), file = openSync(`/proc/${pid}/pagemap`, 'r');
  try { readSync(file, entries, 0, entries.length, start / PAGE * 8); } finally { closeSync(file); }
  let pages = 0;
  for (let at = 4; at < entries.length; at += 8) {
    const entry = entries.readUInt32LE(at);
    if (entry >= PRESENT && (entry & EXCLUSIVE) !== 0) pages += 1;
  }
  return pages * PAGE;
}
