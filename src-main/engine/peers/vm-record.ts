/** A VM as it goes to another engine, and as it is there. */
import { isDeepStrictEqual } from 'node:util';
import type { Vm, VmSpec } from '../../../shared/model/vm.ts';
import type { Objects } from '../../inventory/inventory.ts';
import type { VmOffer, VmRecord } from './wire.ts';

export function recordOf({ id, spec, createdMs, poweredOnMs, notes, efiVariables, boot, tagIds = [], attributes = {} }: Vm, objects: Objects): VmRecord {
  const tags = tagIds.flatMap(tagId => {
    const tag = objects.find('tag', tagId), category = tag && objects.find('tagCategory', tag.categoryId);
    return tag && category ? [{ category: category.name, name: tag.name }] : [];
  });
  const values = Object.entries(attributes).flatMap(([attribute, value]) => { const name = objects.find('customAttribute', attribute)?.name; return name === undefined ? [] : [{ name, value }]; });
  return JSON.parse(JSON.stringify({ id, spec, createdMs, poweredOnMs, notes, efiVariables, boot, tags, attributes: values })) as VmRecord;
}

/** Settings as those that a machine was made for; what it is called does not matter. */
export const isSameMachine = (a: VmSpec, b: VmSpec): boolean => isDeepStrictEqual({ ...a, name: '' }, { ...b, name: '' });

/** With the tags and attributes that this engine has too, by their names. */
export function vmOf({ record, hostId, isRunning }: Pick<VmOffer, 'record' | 'hostId' | 'isRunning'>, objects: Objects): Vm {
  const { tags, attributes, poweredOnMs, notes, efiVariables, boot, ...rest } = record;
  const tagIds = tags.flatMap(({ category, name }) => { const known = objects.all('tagCategory').find(each => each.name === category); return objects.all('tag').filter(tag => tag.name === name && tag.categoryId === known?.id).map(({ id }) => id); });
  const values = Object.fromEntries(attributes.flatMap(({ name, value }) => { const known = objects.all('customAttribute').find(each => each.name === name); return known ? [[known.id, value]] : []; }));
  return {
    ...rest, hostId, powerState: isRunning ? 'poweredOn' : 'poweredOff', ...(poweredOnMs !== undefined && { poweredOnMs }), ...(notes !== undefined && { notes }), ...(efiVariables && { efiVariables }), ...(boot && { boot: boot as NonNullable<Vm['boot']> }),
    ...(tagIds.length > 0 && { tagIds }), ...(Object.keys(values).length > 0 && { attributes: values }),
  };
}
