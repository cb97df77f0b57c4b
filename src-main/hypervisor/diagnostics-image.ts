/** Placeholder until assembled below. */
export function diagnosticsImage(): Uint8Array { return Uint8Array.of(0x20, 0, 0x20, 0xd4); }
