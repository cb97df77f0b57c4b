/**
 * Drills: one boot is broken, to see that the VM comes back by itself. What is broken is the copy in the guest's memory, or the command
 * line that it is given (the kernel's Documentation/admin-guide/kernel-parameters); files stay as they are.
 */
import type { BootDrill } from '../../shared/model/boot-watchdog.ts';
import type { BootEntry } from '../firmware/boot.ts';
import type { GuestRam } from '../memory/guest-ram.ts';

/** `b .` */
const BRANCH_TO_ITSELF = 0x1400_0000;
/** A kernel's header stays whole: what loads it must not notice. */
const HEADER_BYTES = 64, PAGE_BYTES = 4096;
/** Of each page, so many bytes are not what they were, as on a disk that lies. */
const WRONG_BYTES = 512;

/** Words that would undo a drill. */
const UNDONE = /^(root|rdinit|init|panic)=|^rootwait$/;
/** There is no such file; and a directory, which is in every kernel's own file system, cannot be run. */
const WORDS: Readonly<Record<BootDrill, readonly string[]>> = {
  corruptKernel: [],
  // It waits for a disk that never comes, long before its modules are loaded.
  hang: ['rdinit=/none', 'root=/dev/none', 'rootwait'],
  panic: ['rdinit=/none', 'root=/dev/none', 'panic=0'],
  badInit: ['rdinit=/dev', 'init=/dev', 'panic=0'],
};

/** A kernel's command line for a boot with a drill. */
export function drilledCommandLine(commandLine: string, drill: BootDrill | undefined): string {
  if (drill === undefined || WORDS[drill].length === 0) return commandLine;
  return [...commandLine.split(/\s+/).filter(word => !UNDONE.test(word)), ...WORDS[drill]].join(' ').trim();
}

/** Breaks what was loaded between its entry and an end. Only a headerless program is made to hang here. */
export function breakImage(ram: GuestRam, { pc }: BootEntry, bytes: number, drill: BootDrill | undefined, kind: 'linux' | 'binary'): void {
  if (drill === 'hang' && kind === 'binary') ram.store(pc, 4, BRANCH_TO_ITSELF);
  if (drill !== 'corruptKernel') return;
  const image = ram.view(pc, Math.min(bytes, ram.end - pc));
  if (image === undefined) return;
  for (let page = 0; page < image.length; page += PAGE_BYTES) {
    const wrong = image.subarray(page === 0 && kind === 'linux' ? HEADER_BYTES : page, page + WRONG_BYTES);
    for (let at = 0; at < wrong.length; at++) wrong[at] = ~wrong[at]!;
  }
}
