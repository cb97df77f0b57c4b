/** Bytes moved by one access to a device. The bus splits wider ones. */
export type AccessSize = 1 | 2 | 4;

/** A stretch of addresses that a device answers for; it sees offsets only. Values are unsigned. */
export interface Region {
  read(offset: number, size: AccessSize): number;
  write(offset: number, size: AccessSize, value: number): void;
}

/** Told of each thing that a guest did and should not have: it gets the architected result, and is counted. */
export type GuestErrorSink = (what: string) => void;

export const hex = (value: number | bigint): string => `0x${value.toString(16)}`;
