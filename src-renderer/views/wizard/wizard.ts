/** The state of one open wizard: its form, and where the operator is. */
import { computed, inject, reactive, ref, shallowRef, toRefs, watch, type InjectionKey } from 'vue';
import { assert } from '../../../shared/base/errors.ts';
import type { HostId, ResourcePoolId } from '../../../shared/base/ids.ts';
import type { VmPlace } from '../../../shared/model/clone.ts';
import { NEWEST_VERSION } from '../../../shared/model/hardware-version.ts';
import type { Place } from '../../../shared/model/place.ts';
import { useHierarchy } from '../../stores/hierarchy.ts';
import { useHosts } from '../../stores/hosts.ts';
import { useInventory } from '../../stores/inventory.ts';
import { useVms } from '../../stores/vms.ts';
import { createForm } from '../settings/form.ts';
import { FIRST_PAGE, followGuest, newDraft, PAGES, pageOf, placeAt, type Location } from './draft.ts';

export type Wizard = ReturnType<typeof createWizard>;
export const WIZARD: InjectionKey<Wizard> = Symbol('wizard');

/** The wizard that a page stands in. */
export function useWizard(): Wizard {
  const wizard = inject(WIZARD);
  assert(wizard, 'the page stands in a wizard');
  return wizard;
}

export function createWizard(hostId: HostId | undefined, given: VmPlace) {
  const [hosts, vms, hierarchy, inventory] = [useHosts(), useVms(), useHierarchy(), useInventory()];
  const draft = reactive(newDraft(hostId ?? hosts.all.find(host => host.connected)?.id));
  const form = createForm(draft, { takenNames: () => vms.all.map(vm => vm.spec.name) });
  /** Whether a new VM is made, or what is made by the clone dialog. */
  const creation = ref<'new' | 'template' | 'clone'>('new');
  const version = shallowRef(NEWEST_VERSION);
  const centreOf = (place: Place): string | undefined => hierarchy.datacenterOf(place)?.id;
  const firstCentre = (draft.hostId && centreOf({ kind: 'host', id: draft.hostId })) ?? [...inventory.maps.datacenter.keys()][0];
  const location = shallowRef<Location | undefined>(given.folderId !== undefined ? { kind: 'folder', id: given.folderId } : firstCentre === undefined ? undefined : { kind: 'datacenter', id: firstCentre });
  /** A VM runs in the datacenter that its folder is of. */
  const hostsThere = computed(() => { const centre = location.value && centreOf(location.value); return hosts.all.filter(({ id }) => centreOf({ kind: 'host', id }) === centre); });
  /** A pool gives CPU and memory of its host, or of the hosts of its cluster. */
  function poolServes(id: ResourcePoolId): boolean {
    const owner = hierarchy.above({ kind: 'resourcePool', id }).find(({ kind }) => kind !== 'resourcePool')?.object.id, host = draft.hostId && hosts.byId.get(draft.hostId);
    return host !== undefined && (owner === host.id || owner === host.parent.id);
  }
  const place = computed(() => placeAt(location.value, given.poolId !== undefined && poolServes(given.poolId) ? given : {}, draft.datastoreId));
  const index = ref(0);
  const furthest = ref(0);

  const page = computed(() => PAGES[index.value] ?? FIRST_PAGE);
  const pageProblems = (id: string) => [...form.problems.keys()].filter(field => pageOf(field) === id);

  watch(location, () => {
    if (!hostsThere.value.some(({ id }) => id === draft.hostId)) draft.hostId = hostsThere.value.find(host => host.connected)?.id;
  }, { immediate: true });
  watch(() => draft.guest, (now, before) => { followGuest(draft, before, now); });

  /** False, and every problem of the page shown, when the page is not complete. */
  async function next(): Promise<boolean> {
    await form.settled();
    const wrong = pageProblems(page.value.id);
    for (const field of wrong) form.touch(field);
    if (wrong.length > 0) return false;
    go(index.value + 1);
    return true;
  }

  function go(to: number) {
    index.value = Math.min(PAGES.length - 1, Math.max(0, to));
    furthest.value = Math.max(furthest.value, index.value);
  }

  return reactive({ ...toRefs(form), hosts: hostsThere, form, creation, version, location, place, index, furthest, page, hasShownProblem: (id: string) => pageProblems(id).some(field => form.isTouched(field)), next, go });
}
