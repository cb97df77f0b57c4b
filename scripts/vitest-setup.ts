/** Runs once before the tests: the CPU's wasm must be that of the sources under test. */
import { buildCore } from './build-core.ts';

export const setup = buildCore;
