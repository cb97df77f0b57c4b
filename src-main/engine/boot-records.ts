/** What became of VMs' boots, as their workers tell it: kept with the VM, and told as events. */
import type { VmId } from '../../shared/base/ids.ts';
import { say, type Value } from '../../shared/base/phrase.ts';
import { banksOf, ended, NO_BOOTS, presentAttempt, SETTINGS_BANK, STAGE_NAMES, stageOf, USUAL_WATCHDOG, type BootEnd, type BootRecord } from '../../shared/model/boot-watchdog.ts';
import type { BootWatchdogSpec, Vm, VmSpec } from '../../shared/model/vm.ts';
import type { VmStop } from '../hypervisor/vm-launch.ts';
import { followSystem } from './host-systems.ts';
import { refOf, type Edit, type Inventory } from '../inventory/inventory.ts';

export const watchdogOf = ({ bootWatchdog = USUAL_WATCHDOG }: Pick<VmSpec, 'bootWatchdog'>): BootWatchdogSpec => bootWatchdog;

/** How a bank is called. */
export const nameOf = (spec: BootWatchdogSpec, id: string): Value => banksOf(spec).find(bank => bank.id === id)?.name || say`the settings`;

/** A VM's worker says that its record is another one. */
export function recordBoots(inventory: Inventory, id: VmId, record: BootRecord): void {
  inventory.eventually(edit => {
    const vm = edit.vm(id);
    edit.put('vm', { ...vm, boot: record });
    tellOf(edit, vm, record);
    followSystem(edit, id);
  });
}

function tellOf(edit: Edit, vm: Vm, record: BootRecord): void {
  const before = vm.boot ?? NO_BOOTS, spec = watchdogOf(vm.spec), target = refOf(vm), { name } = vm.spec, last = record.attempts.at(-1), open = presentAttempt(before);
  const now = record.attempts.find(({ number }) => number === open?.number);
  if (open !== undefined && now?.end?.cause === 'watchdog') edit.event({ severity: 'warning', type: 'vm.watchdogReset', message: say`${name} was reset by its watchdog, at the stage "${STAGE_NAMES[stageOf(now)]}".`, target });
  if (record.fellBack !== undefined && record.fellBack.atMs !== before.fellBack?.atMs) {
    edit.event({ severity: 'error', type: 'vm.fellBack', message: say`${name} did not boot from ${nameOf(spec, record.fellBack.from)}, and boots from ${nameOf(spec, record.fellBack.to)}.`, target });
  }
  if (last !== undefined && stageOf(last) === 'up' && (open === undefined || open.number !== last.number || stageOf(open) !== 'up')) edit.event({ severity: 'info', type: 'vm.booted', message: say`${name} booted well from ${nameOf(spec, last.bank)}.`, target });
}

const ENDS: Partial<Record<VmStop['kind'], BootEnd>> = { poweredOff: 'poweredOff', reset: 'guestReset', terminated: 'stopped', failed: 'failed' };

/** A VM's worker is gone; of a VM that is suspended the boot goes on later. */
export function bootsOfStopped(vm: Vm, stop: VmStop, nowMs: number): Vm {
  const { boot } = vm, cause = ENDS[stop.kind], open = boot && presentAttempt(boot);
  if (boot === undefined || open === undefined || cause === undefined) return vm;
  return { ...vm, boot: ended(boot, watchdogOf(vm.spec), { cause, atNs: Math.max(0, nowMs - open.startedMs) * 1e6 }, nowMs) };
}

/** The settings are other ones than those that were good. */
export function bootsAfter(vm: Vm, spec: VmSpec): Vm {
  const { boot } = vm, isSame = JSON.stringify(vm.spec.guest) === JSON.stringify(spec.guest);
  const next = boot === undefined || isSame ? boot : { ...boot, failures: 0, good: boot.good.filter(id => id !== SETTINGS_BANK) };
  return { ...vm, spec, ...(next && { boot: next }) };
}
