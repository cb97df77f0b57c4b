/** Arithmetic that WebAssembly lacks. Pure functions: no CPU block. */

/** Upper 64 bits of the 128-bit product. */
export function multiplyHighUnsigned(a: u64, b: u64): u64 {
  const aLow = a & 0xffff_ffff, aHigh = a >> 32, bLow = b & 0xffff_ffff, bHigh = b >> 32;
  const middle = aHigh * bLow + ((aLow * bLow) >> 32);
  return aHigh * bHigh + (middle >> 32) + ((aLow * bHigh + (middle & 0xffff_ffff)) >> 32);
}

export function multiplyHighSigned(a: u64, b: u64): u64 {
  return multiplyHighUnsigned(a, b) - ((a >> 63) != 0 ? b : 0) - ((b >> 63) != 0 ? a : 0);
}

/** CRC32 and CRC32C (reflected polynomials) over `bytes` bytes of `value`. */
export function crc32(accumulator: u32, value: u64, bytes: i32, castagnoli: i32): u32 {
  const polynomial: u32 = castagnoli != 0 ? 0x82f6_3b78 : 0xedb8_8320;
  let crc = accumulator;
  for (let i = 0; i < bytes; i++) {
    crc ^= <u32>(value >> (8 * i)) & 0xff;
    for (let k = 0; k < 8; k++) crc = (crc >> 1) ^ (polynomial & (0 - (crc & 1)));
  }
  return crc;
}
