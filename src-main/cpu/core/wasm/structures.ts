/** LD2 to LD4 and ST2 to ST4: between registers and their elements as they lie in memory, in STRUCTURE. */
import { STRUCTURE, V } from "../../layout";

function copyElement(to: usize, from: usize, size: i32): void {
  switch (size) {
    case 0: store<u8>(to, load<u8>(from)); break;
    case 1: store<u16>(to, load<u16>(from)); break;
    case 2: store<u32>(to, load<u32>(from)); break;
    default: store<u64>(to, load<u64>(from));
  }
}

// @ts-ignore: decorator
@inline function neighbour(cpu: usize, offset: i32, n: i32): usize { return cpu + (((offset + 16 * n) & 0x1f0) | V); }

export function deinterleave(cpu: usize, offset: i32, registers: i32, q: i32, size: i32): void {
  const lanes = (8 << q) >> size;
  let from = cpu + STRUCTURE;
  for (let r = 0; r < registers; r++) store<u64>(neighbour(cpu, offset, r), 0, 8);
  for (let e = 0; e < lanes; e++) {
    for (let r = 0; r < registers; r++, from += 1 << size) copyElement(neighbour(cpu, offset, r) + (e << size), from, size);
  }
}

export function interleave(cpu: usize, offset: i32, registers: i32, q: i32, size: i32): void {
  const lanes = (8 << q) >> size;
  let to = cpu + STRUCTURE;
  for (let e = 0; e < lanes; e++) {
    for (let r = 0; r < registers; r++, to += 1 << size) copyElement(to, neighbour(cpu, offset, r) + (e << size), size);
  }
}
