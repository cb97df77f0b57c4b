import { assemble } from '../../cpu/asm/assembler.ts';
import { RAM_BASE } from '../../firmware/board-map.ts';
import { DIAGNOSTICS_SOURCE } from './program.ts';

const BINARY_OFFSET = 0x80000;

/** The diagnostics program as a headerless binary. */
export const diagnosticsImage = (): Uint8Array => assemble(DIAGNOSTICS_SOURCE, RAM_BASE + BINARY_OFFSET);
