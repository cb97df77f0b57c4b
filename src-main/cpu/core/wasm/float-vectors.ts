/** Floating point lane by lane, from and to STRUCTURE: what generated code asks for when native arithmetic is not exact. */
import { STRUCTURE } from "../../layout";
import * as O from "../../vector-operations";
import { floatBinary, floatCompareMask, floatMultiplyAdd, floatSquareRoot } from "./float-arithmetic";
import { floatReciprocalEstimate, floatReciprocalExponent, floatRootEstimate, floatRoundIntegral, floatToInteger, integerToFloat } from "./float-convert";
import { DOUBLE, signMask } from "./float-format";

/** The lanes of the result that are not asked for are zero. `extra` is what the operation takes beside. */
export function floatVector(cpu: usize, operation: i32, format: i32, lanes: i32, extra: i32): void {
  const at = cpu + STRUCTURE, double = format == DOUBLE;
  store<u64>(at, 0, O.FLOAT_RESULT);
  store<u64>(at, 0, O.FLOAT_RESULT + 8);
  for (let i = 0; i < lanes; i++) {
    const from = at + (i << (double ? 3 : 2));
    if (double) store<u64>(from, lane(cpu, operation, format, extra, load<u64>(from), load<u64>(from, O.FLOAT_SECOND), load<u64>(from, O.FLOAT_ADDEND)), O.FLOAT_RESULT);
    else store<u32>(from, <u32>lane(cpu, operation, format, extra, load<u32>(from), load<u32>(from, O.FLOAT_SECOND), load<u32>(from, O.FLOAT_ADDEND)), O.FLOAT_RESULT);
  }
}

function lane(cpu: usize, operation: i32, format: i32, extra: i32, n: u64, m: u64, d: u64): u64 {
  const width = format == DOUBLE ? 64 : 32;
  switch (operation) {
    case O.FLOAT_BINARY: return floatBinary(cpu, extra, format, n, m);
    case O.FLOAT_MULTIPLY_ADD: return floatMultiplyAdd(cpu, format, d, n, m);
    case O.FLOAT_MULTIPLY_SUBTRACT: return floatMultiplyAdd(cpu, format, d, n ^ signMask(format), m);
    case O.FLOAT_SQUARE_ROOT: return floatSquareRoot(cpu, format, n);
    case O.FLOAT_COMPARE: return floatCompareMask(cpu, format, extra, n, m);
    case O.FLOAT_ROUND: return floatRoundIntegral(cpu, format, n, (extra & 7) == 7 ? -1 : extra & 7, extra & O.FLOAT_ROUND_EXACT);
    case O.FLOAT_TO_SIGNED: return floatToInteger(cpu, format, n, width, 0, extra & 7, extra >> 3);
    case O.FLOAT_TO_UNSIGNED: return floatToInteger(cpu, format, n, width, 1, extra & 7, extra >> 3);
    case O.FLOAT_FROM_SIGNED: return integerToFloat(cpu, format, width == 64 ? n : <u64><i64><i32>n, 0, extra);
    case O.FLOAT_FROM_UNSIGNED: return integerToFloat(cpu, format, n, 1, extra);
    case O.FLOAT_RECIPROCAL_ESTIMATE: return floatReciprocalEstimate(cpu, format, n);
    case O.FLOAT_ROOT_ESTIMATE: return floatRootEstimate(cpu, format, n);
    default: return floatReciprocalExponent(cpu, format, n);
  }
}
