/** What generated code may call in the AssemblyScript core (`core/wasm`), by name. */
import type { Signature, WasmType } from './wasm-module.ts';

const signature = (params: string, result?: WasmType): Signature =>
  ({ params: params === '' ? [] : params.split(' ') as WasmType[], results: result === undefined ? [] : [result] });

/** The first parameter is the CPU's block, unless the comment in the core says otherwise. Those in MAY_FAULT set FAULT. */
export const CORE_FUNCTIONS = {
  fetch: signature('i32', 'i32'),
  load: signature('i32 i64 i32', 'i64'),
  store: signature('i32 i64 i32 i64'),
  vectorLanes: signature('i32 i32 i32 i32 i32'),
  load128: signature('i32 i64 i32 i32'),
  store128: signature('i32 i64 i32 i64 i64'),
  loadExclusive: signature('i32 i64 i32', 'i64'),
  loadExclusivePair: signature('i32 i64 i32'),
  storeExclusive: signature('i32 i64 i32 i64', 'i32'),
  storeExclusivePair: signature('i32 i64 i32 i64 i64', 'i32'),
  atomic: signature('i32 i64 i32 i32 i64', 'i64'),
  compareAndSwap: signature('i32 i64 i32 i64 i64', 'i64'),
  compareAndSwapPair: signature('i32 i64 i32 i64 i64 i64 i64'),
  clearExclusive: signature('i32'),
  nzcv: signature('i32', 'i32'),
  undefined: signature('i32'),
  supervisorCall: signature('i32 i32'),
  hypervisorCall: signature('i32 i32'),
  secureMonitorCall: signature('i32 i32'),
  breakpoint: signature('i32 i32'),
  fpTrap: signature('i32'),
  exceptionReturn: signature('i32'),
  readSystem: signature('i32 i32 i32', 'i64'),
  writeSystem: signature('i32 i32 i32 i64'),
  writePstate: signature('i32 i32 i32'),
  systemOperation: signature('i32 i32 i64'),
  completeMaintenance: signature('i32 i32'),
  waitForInterrupt: signature('i32 i32'),
  dataCacheZero: signature('i32 i64'),
  multiplyHighUnsigned: signature('i64 i64', 'i64'),
  multiplyHighSigned: signature('i64 i64', 'i64'),
  crc32: signature('i32 i64 i32 i32', 'i32'),
  floatBinary: signature('i32 i32 i32 i64 i64', 'i64'),
  floatMultiplyAdd: signature('i32 i32 i64 i64 i64', 'i64'),
  floatSquareRoot: signature('i32 i32 i64', 'i64'),
  floatCompare: signature('i32 i32 i64 i64 i32', 'i32'),
  floatConvert: signature('i32 i32 i32 i64 i32', 'i64'),
  floatToInteger: signature('i32 i32 i64 i32 i32 i32 i32', 'i64'),
  integerToFloat: signature('i32 i32 i64 i32 i32', 'i64'),
  floatRoundIntegral: signature('i32 i32 i64 i32 i32', 'i64'),
  floatVector: signature('i32 i32 i32 i32 i32'),
} as const satisfies Record<string, Signature>;

export type CoreFunction = keyof typeof CORE_FUNCTIONS;
