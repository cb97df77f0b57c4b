/** Where hosts may be: datacenters, folders of hosts and clusters, each with the path to it. */
import type { Cluster, Datacenter, Folder } from '../../../shared/model/container.ts';
import type { NewHost } from '../../../shared/model/host.ts';
import type { Place } from '../../../shared/model/place.ts';
import { compareNames } from '../../stores/by-id.ts';

interface Maps { readonly datacenter: ReadonlyMap<string, Datacenter>; readonly folder: ReadonlyMap<string, Folder>; readonly cluster: ReadonlyMap<string, Cluster> }
export interface HostPlace { readonly key: string; readonly place: NewHost['parent']; readonly path: string }

function pathOf(maps: Maps, { kind, id }: Place): string {
  const at = kind === 'datacenter' ? maps.datacenter.get(id) : kind === 'folder' ? maps.folder.get(id) : kind === 'cluster' ? maps.cluster.get(id) : undefined;
  if (at === undefined) return '';
  const above = pathOf(maps, at.parent);
  return above === '' ? at.name : `${above} / ${at.name}`;
}

export function hostPlaces(maps: Maps): readonly HostPlace[] {
  const places: NewHost['parent'][] = [
    ...[...maps.datacenter.keys()].map(id => ({ kind: 'datacenter' as const, id })),
    ...[...maps.folder.values()].filter(({ tree }) => tree === 'host').map(({ id }) => ({ kind: 'folder' as const, id })),
    ...[...maps.cluster.keys()].map(id => ({ kind: 'cluster' as const, id })),
  ];
  return places.map(place => ({ key: `${place.kind} ${place.id}`, place, path: pathOf(maps, place) })).sort((a, b) => compareNames(a.path, b.path));
}
