/**
 * Operations on lanes that WebAssembly's SIMD lacks, done lane by lane in the core (`core/wasm/vectors.ts`). What to
 * do is one number: an operation, flags, the log2 of a lane's bytes at LANES_SIZE, and a form. Read by AssemblyScript too.
 */
export const LANES_ADD = 0;                // saturating
export const LANES_SUBTRACT = 1;
export const LANES_ADD_MIXED = 2;          // SUQADD, and USQADD when unsigned
export const LANES_ABS = 3;
export const LANES_NEGATE = 4;
export const LANES_SHIFT = 5;              // left by the signed low byte of the second operand
export const LANES_SHIFT_TO_UNSIGNED = 6;
export const LANES_NARROW = 7;             // right by the low byte of the second operand, saturating
export const LANES_NARROW_TO_UNSIGNED = 8;
export const LANES_DOUBLE_HIGH = 9;
export const LANES_DOUBLE_LONG = 10;
export const LANES_DOUBLE_LONG_ADD = 11;
export const LANES_DOUBLE_LONG_SUBTRACT = 12;
export const LANES_POLYNOMIAL = 13;
export const LANES_CLS = 14;
export const LANES_CLZ = 15;
export const LANES_RBIT = 16;
export const LANES_RECIPROCAL_ESTIMATE = 17;
export const LANES_ROOT_ESTIMATE = 18;

export const LANES_UNSIGNED = 0x20;
export const LANES_ROUND = 0x40;
export const LANES_SATURATE = 0x80;
export const LANES_SIZE = 8;
export const LANES_LONG = 0x400;           // from a half of the operands to lanes of the next size
export const LANES_NARROWING = 0x800;      // from lanes of the next size to a half of the destination
export const LANES_Q = 0x1000;             // all 128 bits, or the upper half
export const LANES_SCALAR = 0x2000;        // one lane; the rest is cleared

// Floating point on lanes (`core/wasm/float-vectors.ts`); each takes a number beside.
export const FLOAT_BINARY = 0;             // the operation's number
export const FLOAT_MULTIPLY_ADD = 1;
export const FLOAT_MULTIPLY_SUBTRACT = 2;
export const FLOAT_SQUARE_ROOT = 3;
export const FLOAT_COMPARE = 4;            // kind of comparison
export const FLOAT_ROUND = 5;              // rounding mode, 7 for that of FPCR, and FLOAT_ROUND_EXACT
export const FLOAT_TO_SIGNED = 6;          // rounding mode, and fraction bits from bit 3
export const FLOAT_TO_UNSIGNED = 7;
export const FLOAT_FROM_SIGNED = 8;        // fraction bits
export const FLOAT_FROM_UNSIGNED = 9;
export const FLOAT_RECIPROCAL_ESTIMATE = 10;
export const FLOAT_ROOT_ESTIMATE = 11;
export const FLOAT_RECIPROCAL_EXPONENT = 12;

export const FLOAT_ROUND_EXACT = 8;
// Where its operands and its result are, in STRUCTURE.
export const FLOAT_FIRST = 0;
export const FLOAT_SECOND = 16;
export const FLOAT_ADDEND = 32;
export const FLOAT_RESULT = 48;
