/** What the clone dialog has been told so far, and what is wrong with it. */
import type { DatastoreId, FolderId, HostId, SnapshotId, VmId } from '../../../shared/base/ids.ts';
import type { CloneRequest } from '../../../shared/model/clone.ts';
import { LOCAL_DATASTORE, type Folder } from '../../../shared/model/container.ts';
import type { Host } from '../../../shared/model/host.ts';
import type { Vm } from '../../../shared/model/vm.ts';
import { t } from '../../i18n/i18n.ts';
import { hostProblem, nameProblem } from '../wizard/draft.ts';

/** Selections are '' for what comes first in their list: the present, no folder. */
export interface CloneDraft { sourceId: VmId | ''; name: string; linked: boolean; snapshotId: SnapshotId | ''; hostId: HostId | ''; folderId: FolderId | ''; datastoreId: DatastoreId }

export const newCloneDraft = (source: Vm | undefined): CloneDraft => ({ sourceId: source?.id ?? '', name: '', linked: false, snapshotId: '', hostId: source?.hostId ?? '', folderId: source?.folderId ?? '', datastoreId: source?.datastoreId ?? LOCAL_DATASTORE });

export const requestFrom = ({ name, linked, snapshotId, hostId, folderId, datastoreId }: CloneDraft, template: boolean): CloneRequest => ({
  name: name.trim(), linked, template, datastoreId, ...(snapshotId && { snapshotId }), ...(hostId && { hostId }), ...(folderId && { folderId }),
});

export interface CloneContext { readonly source: Vm | undefined; readonly host: Host | undefined; readonly takenNames: readonly string[] }

/** By field. */
export function cloneProblems(draft: CloneDraft, { source, host, takenNames }: CloneContext): ReadonlyMap<keyof CloneDraft, string> {
  const problems: [keyof CloneDraft, string | undefined][] = [
    ['sourceId', source === undefined ? t`Choose what is copied.` : undefined],
    ['name', nameProblem(draft.name, takenNames)],
    ['hostId', source && hostProblem(host, source.spec.cpus, source.spec.memoryMib)],
  ];
  return new Map(problems.flatMap(([field, problem]) => (problem === undefined ? [] : [[field, problem] as const])));
}

/** VM folders with the path to each, in order. */
export function folderChoices(folders: Iterable<Folder>): readonly { readonly id: FolderId; readonly path: string }[] {
  const byId = new Map([...folders].filter(({ tree }) => tree === 'vm').map(folder => [folder.id as string, folder]));
  const pathOf = ({ name, parent }: Folder): string => {
    const above = parent.kind === 'folder' ? byId.get(parent.id) : undefined;
    return above === undefined ? name : `${pathOf(above)} / ${name}`;
  };
  return [...byId.values()].map(folder => ({ id: folder.id, path: pathOf(folder) })).sort((a, b) => a.path.localeCompare(b.path));
}
