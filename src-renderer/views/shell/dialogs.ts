/** Which dialog is open. One at a time; what it needs comes with the request. */
import { inject, shallowRef, type InjectionKey, type ShallowRef } from 'vue';
import type { HostId, SnapshotId, TagCategoryId, VmId } from '../../../shared/base/ids.ts';
import type { Values } from '../../../shared/api/verbs.ts';
import type { VmPlace } from '../../../shared/model/clone.ts';
import type { Datastore, Folder, ResourcePool } from '../../../shared/model/container.ts';
import type { ObjectId } from '../../../shared/model/objects.ts';
import type { Place } from '../../../shared/model/place.ts';
import type { Host, HostRole, NewHost } from '../../../shared/model/host.ts';
import type { Vm } from '../../../shared/model/vm.ts';
import { assert } from '../../../shared/base/errors.ts';
import type { NewKind } from '../container/new-object.ts';
import type { LabelKind } from '../labels/label-kinds.ts';

export type DialogRequest =
  | { readonly kind: 'newVm'; readonly hostId?: HostId | undefined; readonly place?: VmPlace }
  | { readonly kind: 'editSettings'; readonly vm: Vm }
  | { readonly kind: 'rename'; readonly id: ObjectId }
  | { readonly kind: 'newObject'; readonly what: NewKind; readonly parent: Place; readonly tree?: Folder['tree'] | undefined }
  | { readonly kind: 'move'; readonly ids: readonly ObjectId[] }
  | { readonly kind: 'labels'; readonly ids: readonly ObjectId[] }
  | { readonly kind: 'notes'; readonly id: ObjectId }
  | { readonly kind: 'newLabel'; readonly what: LabelKind; readonly categoryId?: TagCategoryId | undefined }
  | { readonly kind: 'saveSearch'; readonly query: string }
  | { readonly kind: 'takeSnapshot'; readonly vmId: VmId }
  | { readonly kind: 'addHost'; readonly parent?: NewHost['parent'] | undefined }
  | { readonly kind: 'editHost'; readonly host: Host }
  | { readonly kind: 'enterMaintenance'; readonly hostId: HostId }
  | { readonly kind: 'migrate'; readonly ids: readonly VmId[] }
  | { readonly kind: 'hostLink'; readonly hostId: HostId }
  | { readonly kind: 'hostSystem'; readonly hostId: HostId; readonly role: HostRole }
  | { readonly kind: 'newPool'; readonly parent: { readonly kind: 'host' | 'cluster' | 'resourcePool'; readonly id: string } }
  | { readonly kind: 'editPool'; readonly pool: ResourcePool }
  | { readonly kind: 'editSnapshot'; readonly vmId: VmId; readonly snapshotId: SnapshotId }
  | { readonly kind: 'clone'; readonly sourceId?: VmId; readonly fromTemplate?: boolean; readonly toTemplate?: boolean }
  | { readonly kind: 'datastore'; readonly parent?: Place; readonly datastore?: Datastore }
  | { readonly kind: 'prompt'; readonly title: string; readonly label: string; readonly value: string; readonly confirmLabel: string; readonly run: (value: string) => void }
  | { readonly kind: 'about' }
  | { readonly kind: 'confirm'; readonly title: string; readonly message: string; readonly confirmLabel: string; readonly danger?: boolean;
    /** The command that does the same: its words and values, with names for objects. */
    readonly command?: readonly [words: string, values: Values]; readonly run: () => void };

export type Dialogs = ShallowRef<DialogRequest | undefined>;
export const DIALOGS: InjectionKey<Dialogs> = Symbol('dialogs');
export const createDialogs = (): Dialogs => shallowRef();

export function useDialogs(): Dialogs {
  const dialogs = inject(DIALOGS);
  assert(dialogs, 'the app provides the dialogs');
  return dialogs;
}
