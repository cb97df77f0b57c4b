/** The core's exports: what generated code calls (`translate/core-functions.ts`), and what the `Cpu` class calls. */
import { EL, FAULT, SPSEL } from "../../layout";
import { resetTlbs } from "./tlb";
import { setMode, updateFpTrap } from "./exceptions";
import { updateFpFast, useParts } from "./float-format";
import { enterGuest, leaveGuest } from "./exclusion";
import { interruptPending, takePendingInterrupt } from "./interrupts";
import { get32, put32 } from "./state";

export { fetch, invalidateCode, markClean } from "./decoded-pages";
export { loadSlow as load, storeSlow as store, load128, store128, dataCacheZero } from "./memory";
export {
  loadExclusive, loadExclusivePair, storeExclusive, storeExclusivePair, atomicOperation as atomic, compareAndSwap, compareAndSwapPair, clearExclusive,
} from "./atomics";
export {
  nzcv, undefined, supervisorCall, hypervisorCall, secureMonitorCall, breakpoint, fpTrap, exceptionReturn, exceptionToEl1, abortToEl1,
} from "./exceptions";
export { readSystem, writeSystem, writePstate, systemOperation, waitForInterrupt } from "./system";
export { vectorLanes } from "./vectors";
export { floatVector } from "./float-vectors";
export { timerOutputs, nextTimerNs, clockNs } from "./timers";
export { completeMaintenance, endExclusive, startExclusive } from "./exclusion";
export { dropWrites, flushEverywhere } from "./tlb";
export { isTableMissing, translate } from "./mmu";
export { multiplyHighUnsigned, multiplyHighSigned, crc32 } from "./arithmetic";

export { floatBinary, floatMultiplyAdd, floatSquareRoot, floatCompare } from "./float-arithmetic";
export {
  floatConvert, floatToInteger, integerToFloat, floatRoundIntegral, floatReciprocalEstimate, floatRootEstimate, floatReciprocalExponent,
} from "./float-convert";

/** Before run(): takes an interrupt that became pending outside. */
export function enter(cpu: usize): void {
  enterGuest(cpu);
  useParts(cpu);
  takePendingInterrupt(cpu);
  put32(cpu, FAULT, 0);
}

/** After run(). */
export function leave(cpu: usize): void { leaveGuest(cpu); }

export function isInterruptPending(cpu: usize): bool { return interruptPending(cpu); }

/** After reset or restore: everything that follows from the saved state. */
export function rebuild(cpu: usize): void {
  resetTlbs(cpu);
  setModeAgain(cpu);
  updateFpTrap(cpu);
  updateFpFast(cpu);
}

function setModeAgain(cpu: usize): void { setMode(cpu, get32(cpu, EL), get32(cpu, SPSEL)); }

