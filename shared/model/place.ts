/** Where an object stands in one of the inventory's trees. */

/** The four trees; those of datacenters and their folders are part of each. */
export const TREES = ['host', 'vm', 'storage', 'network'] as const;
export type Tree = (typeof TREES)[number];

/** What may have children. */
export type PlaceKind = 'root' | 'datacenter' | 'folder' | 'cluster' | 'host' | 'resourcePool';
export interface Place { readonly kind: PlaceKind; readonly id: string }

export const isSamePlace = (a: Place, b: Place): boolean => a.kind === b.kind && a.id === b.id;
