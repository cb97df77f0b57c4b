/** What a task changed of a VM's settings, and how to undo just that. */
import type { VmSpec } from './vm.ts';
import { say, type Phrase } from '../base/phrase.ts';

export interface SettingsChange { readonly before: VmSpec; readonly after: VmSpec }

const NAMES: Readonly<Record<keyof VmSpec, Phrase>> = {
  name: say`the name`, cpus: say`the number of CPUs`, maxCpus: say`CPU hot add`, smpMode: say`CPU scheduling`, memoryMib: say`memory`, cpuAllocation: say`the CPU allocation`, memoryAllocation: say`the memory allocation`, iommu: say`the IOMMU`, guest: say`what it boots`, disks: say`the disks`, nics: say`the network adapters`, display: say`the display`, time: say`guest time`, bootWatchdog: say`the boot watchdog`,
};
type Key = keyof typeof NAMES;

/** Whatever the order of keys. */
const sorted = (_key: string, value: unknown): unknown => (typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))) : value);
const isSame = (a: unknown, b: unknown): boolean => JSON.stringify(a, sorted) === JSON.stringify(b, sorted);
const changedKeys = ({ before, after }: SettingsChange): Key[] => (Object.keys(NAMES) as Key[]).filter(key => !isSame(before[key], after[key]));

/** Phrases for what was changed. */
export const changedSettings = (change: SettingsChange): Phrase[] => changedKeys(change).map(key => NAMES[key]);

/** The settings without the change, and phrases for what was changed again since, which cannot be undone. */
export function undone(now: VmSpec, change: SettingsChange): { readonly spec: VmSpec; readonly conflicts: readonly Phrase[] } {
  const keys = changedKeys(change), of = (spec: VmSpec, wanted: boolean) => Object.entries(spec).filter(([key]) => keys.includes(key as Key) === wanted);
  return { spec: Object.fromEntries([...of(now, false), ...of(change.before, true)]) as VmSpec, conflicts: keys.filter(key => !isSame(now[key], change.after[key])).map(key => NAMES[key]) };
}
