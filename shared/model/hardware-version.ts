/** What a VM's board is: a guest finds the same one wherever its version is known. There is one so far, which every host has. */
export interface HardwareVersion { readonly id: number; readonly name: string }
export const HARDWARE_VERSIONS = [{ id: 1, name: 'Quarterdeck 1' }] as const satisfies readonly HardwareVersion[];
/** What VMs are made as. */
export const NEWEST_VERSION: HardwareVersion = HARDWARE_VERSIONS[0];
