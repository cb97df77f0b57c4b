/** VMs that cannot be powered on for a while: the chain of images of their disks is being changed, or another engine may have them. */
import { EngineError } from '../../shared/base/errors.ts';
import type { VmId } from '../../shared/base/ids.ts';
import { say } from '../../shared/base/phrase.ts';
import type { Vm } from '../../shared/model/vm.ts';

/** Throws while it is not known whether another engine took the VM: then nothing is done with it. */
export function checkHere({ given, spec: { name } }: Vm): void {
  if (given !== undefined) throw new EngineError('given', say`${name} was given to ${given.peer}, and it is not known yet whether it runs there.`);
}

export class KeptOff {
  private readonly ids = new Set<VmId>();

  /** The VM is off, and stays so meanwhile. For use within a task that has the VM alone. */
  async whileOff<T>(id: VmId, work: () => Promise<T>): Promise<T> {
    this.ids.add(id);
    try { return await work(); } finally { this.ids.delete(id); }
  }

  checkPowerOn({ id, spec: { name } }: Vm): void {
    if (this.ids.has(id)) throw new EngineError('busy', say`${name} cannot be powered on yet: its disks are being changed.`);
  }
}
