/** What an operator decides about a VM's boots, whether or not it runs: which bank is next, which are good, and drills. */
import { EngineError } from '../../shared/base/errors.ts';
import type { VmId } from '../../shared/base/ids.ts';
import { say, type Phrase } from '../../shared/base/phrase.ts';
import { canDrill, changed, DRILL_NAMES, isSameMachine, NO_BOOTS, SETTINGS_BANK, type BootChange } from '../../shared/model/boot-watchdog.ts';
import type { BootBank, GuestSource, Vm, VmSpec } from '../../shared/model/vm.ts';
import { refOf } from '../inventory/inventory.ts';
import { nameOf, watchdogOf } from './boot-records.ts';
import type { Engine } from './engine.ts';
import { newId } from './new-id.ts';
import { inState } from './power.ts';

/** What a bank boots; undefined of one that there is not. */
const guestOf = (spec: VmSpec, id: string): GuestSource | undefined => (id === SETTINGS_BANK ? spec.guest : watchdogOf(spec).banks.find(bank => bank.id === id)?.guest);

export function checkBanks(spec: Pick<VmSpec, 'guest' | 'bootWatchdog'>): void {
  const other = spec.bootWatchdog?.banks.find(({ guest }) => !isSameMachine(guest, spec.guest));
  if (other !== undefined) throw new EngineError('boot.other-machine', say`The boot bank ${other.name} is for another machine: firmware and its flash are part of the board.`);
}

type Context = Pick<Engine, 'inventory' | 'power'>;

export async function changeBoots({ inventory, power }: Context, id: VmId, change: BootChange): Promise<void> {
  const vm = inState(inventory.vm(id), ['poweredOff', 'poweredOn', 'suspended']), { name } = vm.spec;
  checkChange(vm, change);
  if (vm.powerState === 'poweredOn') await power.machine(id).changeBoots(change);
  await inventory.transact(edit => {
    const now = edit.vm(id);
    if (vm.powerState !== 'poweredOn') edit.put('vm', { ...now, boot: changed(now.boot ?? NO_BOOTS, change) });
    edit.event({ severity: 'info', type: `vm.boot${WHAT[change.kind]}`, message: said(now, change, name), target: refOf(now) });
  });
}

const WHAT: Readonly<Record<BootChange['kind'], string>> = { choose: 'Chosen', mark: 'Marked', drill: 'Drilled' };

function checkChange({ spec, boot = NO_BOOTS }: Vm, change: BootChange): void {
  const guest = guestOf(spec, change.kind === 'drill' ? boot.bank : change.bank);
  if (guest === undefined && change.kind !== 'drill') throw new EngineError('boot.no-bank', say`${spec.name} has no such boot bank.`);
  if (change.kind === 'drill' && change.drill !== undefined && !canDrill(change.drill, guest ?? spec.guest)) throw new EngineError('boot.no-drill', say`The next boot of ${spec.name} cannot be broken in this way: only of a kernel that is booted directly the copy in memory can be changed.`);
}

function said({ spec }: Vm, change: BootChange, name: string): Phrase {
  const bank = change.kind === 'drill' ? '' : nameOf(watchdogOf(spec), change.bank);
  switch (change.kind) {
    case 'choose': return say`${name} boots from ${bank} next.`;
    case 'mark': return change.good ? say`The boot bank ${bank} of ${name} was marked as good.` : say`The boot bank ${bank} of ${name} is not marked as good any more.`;
    case 'drill': return change.drill === undefined ? say`The next boot of ${name} is not broken after all.` : say`The next boot of ${name} is broken, as a drill: ${DRILL_NAMES[change.drill]}.`;
    default: return change satisfies never;
  }
}

/** Keeps what the VM boots now as a bank, which is as good as that is. */
export async function saveBank({ inventory, power }: Context, id: VmId, name: string): Promise<void> {
  const vm = inState(inventory.vm(id), ['poweredOff', 'poweredOn']), bank: BootBank = { id: newId('bank'), name, guest: vm.spec.guest };
  const isGood = vm.boot?.good.includes(SETTINGS_BANK) === true;
  await putBanks({ inventory, power }, vm, banks => {
    if (banks.some(each => each.name === name)) throw new EngineError('boot.bank-name', say`${vm.spec.name} has a boot bank ${name} already.`);
    return [...banks, bank];
  }, say`The boot bank ${name} of ${vm.spec.name} was made of its settings.`);
  if (isGood) await changeBoots({ inventory, power }, id, { kind: 'mark', bank: bank.id, good: true });
}

export async function removeBank({ inventory, power }: Context, id: VmId, bank: string): Promise<void> {
  const vm = inState(inventory.vm(id), ['poweredOff', 'poweredOn']), { name } = vm.spec;
  if (guestOf(vm.spec, bank) === undefined || bank === SETTINGS_BANK) throw new EngineError('boot.no-bank', say`${name} has no such boot bank.`);
  if (vm.boot?.bank === bank) throw new EngineError('boot.bank-used', say`${name} boots from that bank: choose another one first.`);
  await putBanks({ inventory, power }, vm, banks => banks.filter(each => each.id !== bank), say`The boot bank ${nameOf(watchdogOf(vm.spec), bank)} of ${name} was removed.`);
}

async function putBanks({ inventory, power }: Context, { id, powerState }: Vm, change: (banks: readonly BootBank[]) => BootBank[], message: Phrase): Promise<void> {
  const next = await inventory.transact(edit => {
    const vm = edit.vm(id), bootWatchdog = { ...watchdogOf(vm.spec), banks: change(watchdogOf(vm.spec).banks) };
    checkBanks({ ...vm.spec, bootWatchdog });
    edit.put('vm', { ...vm, spec: { ...vm.spec, bootWatchdog } });
    edit.event({ severity: 'info', type: 'vm.bootBanks', message, target: refOf(vm) });
    return bootWatchdog;
  });
  if (powerState === 'poweredOn') await power.machine(id).setBootWatchdog(next);
}
