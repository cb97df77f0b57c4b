/** Branded strings and addresses, so that the compiler tells them apart. */
declare const brand: unique symbol;
export type Brand<T, Name extends string> = T & { readonly [brand]: Name };

export type VmId = Brand<string, 'VmId'>;
export type HostId = Brand<string, 'HostId'>;
export type TaskId = Brand<string, 'TaskId'>;
export type SnapshotId = Brand<string, 'SnapshotId'>;
export type EventId = Brand<number, 'EventId'>;

/** Physical address of the emulated host, in bytes. */
export type Pa = Brand<number, 'Pa'>;
/** Intermediate (guest) physical address, in bytes. */
export type Ipa = Brand<number, 'Ipa'>;
