/** Branded strings and addresses, so that the compiler tells them apart. */
declare const brand: unique symbol;
export type Brand<T, Name extends string> = T & { readonly [brand]: Name };

export type VmId = Brand<string, 'VmId'>;
export type HostId = Brand<string, 'HostId'>;
export type DatacenterId = Brand<string, 'DatacenterId'>;
export type FolderId = Brand<string, 'FolderId'>;
export type ClusterId = Brand<string, 'ClusterId'>;
export type ResourcePoolId = Brand<string, 'ResourcePoolId'>;
export type DatastoreId = Brand<string, 'DatastoreId'>;
export type NetworkId = Brand<string, 'NetworkId'>;
export type TagCategoryId = Brand<string, 'TagCategoryId'>;
export type TagId = Brand<string, 'TagId'>;
export type CustomAttributeId = Brand<string, 'CustomAttributeId'>;
export type SavedSearchId = Brand<string, 'SavedSearchId'>;
export type AlarmDefinitionId = Brand<string, 'AlarmDefinitionId'>;
export type TriggeredAlarmId = Brand<string, 'TriggeredAlarmId'>;
/** An engine that this one knows. */
export type PeerId = Brand<string, 'PeerId'>;
/** A VM's move from one engine to another. */
export type ArrivalId = Brand<string, 'ArrivalId'>;
export type TaskId = Brand<string, 'TaskId'>;
export type SnapshotId = Brand<string, 'SnapshotId'>;
export type EventId = Brand<number, 'EventId'>;

/** Physical address of the emulated host, in bytes. */
export type Pa = Brand<number, 'Pa'>;
/** Intermediate (guest) physical address, in bytes. */
export type Ipa = Brand<number, 'Ipa'>;
