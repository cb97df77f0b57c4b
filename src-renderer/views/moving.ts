/** What the operator is moving now, by dragging or by cutting, and whether it may go where it is held: the engine says. */
import { shallowRef } from 'vue';
import { nameOf, type ObjectId } from '../../shared/model/objects.ts';
import type { Place } from '../../shared/model/place.ts';
import { ROOT } from '../../shared/model/task.ts';
import { saidOf } from '../../shared/base/errors.ts';
import type { DropHint } from '../components/tree.ts';
import { t, translate } from '../i18n/i18n.ts';
import { useHierarchy } from '../stores/hierarchy.ts';
import { useInventory } from '../stores/inventory.ts';
import { useNotices } from '../stores/notices.ts';
import { countOf } from './kind-texts.ts';
import { idOf, pathOf } from './links.ts';

const dragged = shallowRef<readonly ObjectId[]>([]), cutIds = shallowRef<readonly ObjectId[]>([]), hint = shallowRef<DropHint>();

export function useMoving() {
  const [inventory, hierarchy, notices] = [useInventory(), useHierarchy(), useNotices()];

  const nameOfPlace = (place: { readonly kind: string; readonly id: string }) => {
    const known = hierarchy.find(place);
    return known ? nameOf(known) : ROOT.name;
  };
  /** Objects as a sentence names them. */
  const describe = (ids: readonly ObjectId[]): string => (ids.length === 1 && ids[0] ? nameOfPlace(ids[0]) : countOf(ids.map(({ kind }) => kind)));
  const problem = async (ids: readonly ObjectId[], to: Place): Promise<string | null> => {
    const said = await inventory.moveProblem(ids, to).catch(saidOf);
    return said === null ? null : translate(said);
  };

  /** Asks once for each row that something is held over. */
  async function hold(path: string | undefined) {
    if (path === undefined || dragged.value.length === 0) { hint.value = undefined; return; }
    if (hint.value?.over === path) return;
    const to = idOf(path), ids = dragged.value, text = t`Move ${describe(ids)} to ${nameOfPlace(to)}`;
    hint.value = { over: path, text: `${text}…`, allowed: false };
    const wrong = ids.some(id => pathOf(id) === path) ? t`An object does not move into itself.` : await problem(ids, to as Place);
    if (hint.value?.over === path) hint.value = { over: path, text: wrong ?? text, allowed: wrong === null };
  }

  /** True when the engine took it. */
  const move = (ids: readonly ObjectId[], to: Place): Promise<boolean> => notices.attempt(inventory.move(ids, to));

  function drag(ids: readonly ObjectId[] | undefined) {
    dragged.value = ids ?? [];
    hint.value = undefined;
  }
  async function drop(path: string) {
    const ids = dragged.value;
    drag(undefined);
    if (ids.length > 0) await move(ids, idOf(path) as Place);
  }
  async function paste(path: string) {
    if (cutIds.value.length > 0 && await move(cutIds.value, idOf(path) as Place)) cutIds.value = [];
  }
  const cut = (ids: readonly ObjectId[]) => { cutIds.value = ids; };

  return { cutIds, hint, describe, problem, hold, move, drag, drop, cut, paste };
}
