import { expect, test } from 'vitest';
import type { FolderId, HostId, VmId } from '../../../shared/base/ids.ts';
import type { Folder } from '../../../shared/model/container.ts';
import { HOST_PROFILES, type Host } from '../../../shared/model/host.ts';
import type { Vm } from '../../../shared/model/vm.ts';
import { cloneProblems, folderChoices, newCloneDraft, requestFrom } from './clone-draft.ts';

const host: Host = { ...HOST_PROFILES[0], id: 'a' as HostId, name: 'host-a', cpus: 1, memoryMib: 256, connected: true, parent: { kind: 'datacenter', id: 'd' } };
const source: Vm = { id: 'vm-1' as VmId, hostId: host.id, folderId: 'f' as FolderId, powerState: 'poweredOff', createdMs: 0, spec: { name: 'web', cpus: 1, memoryMib: 512, guest: { kind: 'diagnostics' }, disks: [] } };

test('a copy goes to where its source is, unless told otherwise', () => {
  expect(requestFrom({ ...newCloneDraft(source), name: ' copy ' }, false)).toEqual({ name: 'copy', linked: false, template: false, datastoreId: 'datastore-local', hostId: 'a', folderId: 'f' });
  expect(requestFrom({ ...newCloneDraft(source), name: 'copy', folderId: '', linked: true }, true)).toEqual({ name: 'copy', linked: true, template: true, datastoreId: 'datastore-local', hostId: 'a' });
});

test('a name that is taken, a host that is too small and a missing source are said', () => {
  const of = (draft: Partial<ReturnType<typeof newCloneDraft>>, found: Vm | undefined = source) => [...cloneProblems({ ...newCloneDraft(found), ...draft }, { source: found, host, takenNames: ['web'] }).keys()];
  expect([of({ name: 'WEB' }), of({ name: 'new' }, { ...source, spec: { ...source.spec, memoryMib: 256 } }), of({ name: 'x' }), cloneProblems(newCloneDraft(undefined), { source: undefined, host, takenNames: [] }).has('sourceId')]).toEqual([['name', 'hostId'], [], ['hostId'], true]);
});

test('folders come with the path to them, those of VMs only', () => {
  const folder = (id: string, name: string, parent: Folder['parent'], tree: Folder['tree'] = 'vm'): Folder => ({ id: id as FolderId, name, tree, parent });
  const datacenter = { kind: 'datacenter', id: 'd' } as const;
  expect(folderChoices([folder('2', 'db', { kind: 'folder', id: '1' }), folder('1', 'apps', datacenter), folder('3', 'racks', datacenter, 'host')]).map(({ path }) => path)).toEqual(['apps', 'apps / db']);
});
