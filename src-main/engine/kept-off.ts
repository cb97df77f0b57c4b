/** VMs that cannot be powered on for a while, as the chain of images of their disks is being changed. */
import { EngineError } from '../../shared/base/errors.ts';
import type { VmId } from '../../shared/base/ids.ts';
import { say } from '../../shared/base/phrase.ts';
import type { Vm } from '../../shared/model/vm.ts';

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
