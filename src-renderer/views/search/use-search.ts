/** The search over all that bears labels, for the header, the results' page and the palette. */
import { computed } from 'vue';
import { LABELLED_KINDS, nameOf } from '../../../shared/model/objects.ts';
import { formatPowerState } from '../../components/format.ts';
import { t } from '../../i18n/i18n.ts';
import { parentOf, useHierarchy } from '../../stores/hierarchy.ts';
import { useInventory } from '../../stores/inventory.ts';
import { useLabels } from '../../stores/labels.ts';
import { useVms } from '../../stores/vms.ts';
import { kindTitle } from '../kind-texts.ts';
import { parseQuery, queryProblem, searcher, type Found, type Names } from './query.ts';

export function useSearch() {
  const [inventory, hierarchy, labels, vms] = [useInventory(), useHierarchy(), useLabels(), useVms()];

  const others = computed((): readonly Found[] => LABELLED_KINDS.filter(kind => kind !== 'vm').flatMap(kind => [...inventory.maps[kind].values()].map(object => ({ kind, object }) as Found)));
  const all = computed((): readonly Found[] => [...others.value, ...vms.all.map((object): Found => ({ kind: 'vm', object }))]);

  function places(found: Found) {
    const folder = found.kind === 'vm' && found.object.folderId !== undefined ? { kind: 'folder', id: found.object.folderId } : undefined, inFolder = folder && hierarchy.find(folder);
    const outer = [...hierarchy.above({ kind: found.kind, id: found.object.id }), ...(folder && inFolder ? [inFolder, ...hierarchy.above(folder)] : [])];
    return [...outer.map(known => ({ kind: known.kind, name: nameOf(known) })), ...(found.kind === 'vm' ? hostOf(found.object.hostId) : [])];
  }
  /** A VM in a resource pool of a cluster is shown there; its host is asked for all the same. */
  const hostOf = (id: string) => { const host = inventory.maps.host.get(id); return host ? [{ kind: 'host', name: host.name } as const] : []; };

  const names = computed((): Names => {
    const attributeName = (id: string) => inventory.maps.customAttribute.get(id)?.name ?? '', { tag } = inventory.maps;
    return {
      tags: ({ object }) => (object.tagIds ?? []).flatMap(id => tag.get(id)?.name ?? []),
      places,
      attributes: ({ object }) => new Map(Object.entries(object.attributes ?? {}).map(([id, value]) => [attributeName(id), value])),
      attributeNames: labels.attributes.map(({ name }) => name),
    };
  });
  const search = computed(() => searcher(names.value));

  /** What stands beside a name in a list of results. */
  function detail(found: Found): string {
    const parent = parentOf(found), outer = parent && hierarchy.find(parent);
    return [found.kind === 'vm' ? (found.object.template ? t`Template` : formatPowerState(found.object.powerState)) : kindTitle(found.kind), outer && nameOf(outer)].filter(Boolean).join(', ');
  }

  return {
    all, detail,
    find: (query: string): readonly Found[] => search.value(parseQuery(query), all.value),
    problem: (query: string): string | undefined => queryProblem(parseQuery(query), names.value),
  };
}
