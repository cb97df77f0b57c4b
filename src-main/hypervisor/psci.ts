/**
 * Power State Coordination Interface 1.1 (Arm DEN 0022) and the SMC calling convention's own functions (DEN 0028),
 * for HVC and SMC alike. What the calls do to the machine is left to `PsciActions`.
 */
export interface PsciActions {
  /** Number of the CPU with these affinity fields, or undefined. */
  cpuWithAffinity(mpidr: bigint): number | undefined;
  isOn(cpu: number): boolean;
  /** Whether the machine has it now; one that can be added later is known, and denied. */
  isPresent(cpu: number): boolean;
  turnOn(cpu: number, entry: bigint, context: bigint): void;
  turnOff(): void;
  suspend(): void;
  systemOff(): void;
  systemReset(): void;
}

const SUCCESS = 0n;
const NOT_SUPPORTED = -1n;
const INVALID_PARAMETERS = -2n;
const DENIED = -3n;
const ALREADY_ON = -4n;
const TRUSTED_OS_NOT_PRESENT = 2n;
const AFFINITY_ON = 0n, AFFINITY_OFF = 1n;

type Call = (actions: PsciActions, x1: bigint, x2: bigint, x3: bigint) => bigint | 'no return';

const FUNCTIONS: Readonly<Record<number, Call>> = {
  0x8000_0000: () => 0x1_0001n,                                   // SMCCC_VERSION
  0x8000_0001: (_, id) => (Number(id) in FUNCTIONS ? SUCCESS : NOT_SUPPORTED), // SMCCC_ARCH_FEATURES
  0x8400_0000: () => 0x1_0001n,                                   // PSCI_VERSION
  0x8400_0001: suspend, 0xc400_0001: suspend,                     // CPU_SUSPEND
  0x8400_0002: actions => { actions.turnOff(); return 'no return'; }, // CPU_OFF
  0x8400_0003: turnOn, 0xc400_0003: turnOn,                       // CPU_ON
  0x8400_0004: affinityInfo, 0xc400_0004: affinityInfo,           // AFFINITY_INFO
  0x8400_0006: () => TRUSTED_OS_NOT_PRESENT,                      // MIGRATE_INFO_TYPE
  0x8400_0008: actions => { actions.systemOff(); return 'no return'; },
  0x8400_0009: actions => { actions.systemReset(); return 'no return'; },
  0x8400_000a: (_, id) => (isPsci(Number(id)) && Number(id) in FUNCTIONS || Number(id) === 0x8000_0000 ? SUCCESS : NOT_SUPPORTED), // PSCI_FEATURES
  0x8400_0012: reset2, 0xc400_0012: reset2,                       // SYSTEM_RESET2
};

const isPsci = (id: number) => (id & 0x3fff_ffe0) === 0x0400_0000;

function suspend(actions: PsciActions): bigint { actions.suspend(); return SUCCESS; }

function turnOn(actions: PsciActions, mpidr: bigint, entry: bigint, context: bigint): bigint {
  const cpu = actions.cpuWithAffinity(mpidr);
  if (cpu === undefined) return INVALID_PARAMETERS;
  if (actions.isOn(cpu)) return ALREADY_ON;
  if (!actions.isPresent(cpu)) return DENIED;
  actions.turnOn(cpu, entry, context);
  return SUCCESS;
}

function affinityInfo(actions: PsciActions, mpidr: bigint): bigint {
  const cpu = actions.cpuWithAffinity(mpidr);
  if (cpu === undefined) return INVALID_PARAMETERS;
  return actions.isOn(cpu) ? AFFINITY_ON : AFFINITY_OFF;
}

function reset2(actions: PsciActions): 'no return' { actions.systemReset(); return 'no return'; }

/** Result for X0, or 'no return' when the caller does not go on. */
export function psciCall(actions: PsciActions, x: (n: number) => bigint): bigint | 'no return' {
  const id = Number(x(0) & 0xffff_ffffn), wide = (id & 0x4000_0000) !== 0, argument = (n: number) => BigInt.asUintN(wide ? 64 : 32, x(n));
  const call = Object.hasOwn(FUNCTIONS, id) ? FUNCTIONS[id] : undefined;
  return call === undefined ? NOT_SUPPORTED : call(actions, argument(1), argument(2), argument(3));
}
