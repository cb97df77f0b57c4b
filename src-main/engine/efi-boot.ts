/** What a VM's built-in UEFI keeps of boot options, for people: it is read at any time, and changed while the VM is off. */
import { EngineError } from '../../shared/base/errors.ts';
import type { VmId } from '../../shared/base/ids.ts';
import { say } from '../../shared/base/phrase.ts';
import type { EfiBoot, EfiBootChange, EfiVariable } from '../../shared/model/efi.ts';
import type { Vm } from '../../shared/model/vm.ts';
import { isOwnOption } from '../firmware/uefi/boot-manager.ts';
import { pathText } from '../firmware/uefi/device-path.ts';
import { GUID } from '../firmware/uefi/guid.ts';
import { ACTIVE, optionName, optionNumber, readLoadOption } from '../firmware/uefi/load-option.ts';
import { ATTRIBUTE, readWords, wordBytes } from '../firmware/uefi/variables.ts';
import { refOf } from '../inventory/inventory.ts';
import type { Engine } from './engine.ts';
import { inState } from './power.ts';

const KEPT = ATTRIBUTE.nonVolatile | ATTRIBUTE.bootService | ATTRIBUTE.runtime;
const dataOf = ({ data }: EfiVariable): Uint8Array => Uint8Array.from(Buffer.from(data, 'base64'));
const variable = (variables: readonly EfiVariable[], name: string) => variables.find(each => each.name === name && each.guid === GUID.globalVariable);
const wordsIn = (variables: readonly EfiVariable[], name: string): readonly number[] => { const found = variable(variables, name); return found === undefined ? [] : readWords(dataOf(found)); };
const without = (variables: readonly EfiVariable[], name: string) => variables.filter(each => each !== variable(variables, name));
const withWords = (variables: readonly EfiVariable[], name: string, words: readonly number[]): readonly EfiVariable[] =>
  (words.length === 0 ? without(variables, name) : [...without(variables, name), { name, guid: GUID.globalVariable, attributes: KEPT, data: Buffer.from(wordBytes(words)).toString('base64') }]);

export function efiBoot({ efiVariables: variables = [] }: Pick<Vm, 'efiVariables'>): EfiBoot {
  const order = wordsIn(variables, 'BootOrder'), [next] = wordsIn(variables, 'BootNext'), place = (number: number) => (order.includes(number) ? order.indexOf(number) : Infinity);
  const entries = variables.flatMap(each => {
    const number = each.guid === GUID.globalVariable ? optionNumber(each.name) : undefined, option = number === undefined ? undefined : readLoadOption(dataOf(each));
    return number === undefined || option === undefined ? [] : [{ number, description: option.description, path: pathText(option.path), isActive: (option.attributes & ACTIVE) !== 0, isOwn: isOwnOption(option) }];
  });
  return {
    entries: entries.sort((a, b) => (place(a.number) === place(b.number) ? a.number - b.number : place(a.number) - place(b.number))), ...(next !== undefined && { next }),
    variables: { count: variables.length, bytes: variables.reduce((sum, each) => sum + dataOf(each).length, 0) },
  };
}

/** Of a VM that is off: while it is on they are its guest's. */
export async function changeEfiBoot({ inventory }: Pick<Engine, 'inventory'>, id: VmId, change: EfiBootChange): Promise<void> {
  await inventory.transact(edit => {
    const vm = edit.vm(id), { name } = vm.spec;
    if (vm.powerState === 'poweredOn') throw new EngineError('wrong-state', say`${name} is powered on, and its firmware's variables are its guest's: change them in the boot menu, in the guest, or when it is off.`);
    const variables = changedBy(inState(vm, ['poweredOff']), change);
    edit.put('vm', { ...vm, efiVariables: variables });
    edit.event({ severity: 'info', type: 'vm.efiChanged', message: change.kind === 'forget' ? say`The firmware of ${name} was made to forget its variables.` : say`The boot order of ${name} was changed.`, target: refOf(vm) });
  });
}

function changedBy({ spec: { name }, efiVariables: variables = [] }: Vm, change: EfiBootChange): readonly EfiVariable[] {
  const order = wordsIn(variables, 'BootOrder'), known = (number: number) => {
    if (variable(variables, optionName(number)) === undefined) throw new EngineError('efi.no-entry', say`${name} has no boot entry ${optionName(number)}.`);
    return number;
  };
  switch (change.kind) {
    case 'forget': return [];
    // Whatever is not named stays behind those that are.
    case 'order': return withWords(variables, 'BootOrder', [...new Set([...change.order.map(known), ...order])]);
    case 'next': return withWords(variables, 'BootNext', change.next === undefined ? [] : [known(change.next)]);
    case 'remove': return withWords(without(variables, optionName(known(change.number))), 'BootOrder', order.filter(number => number !== change.number));
    default: return change satisfies never;
  }
}
