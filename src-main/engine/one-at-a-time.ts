/** What changes the chain of images of a VM's disks has the VM to itself: snapshots, and changes of its settings. */
import { EngineError } from '../../shared/base/errors.ts';
import type { VmId } from '../../shared/base/ids.ts';
import type { Vm } from '../../shared/model/vm.ts';

export class OneAtATime {
  private readonly busy = new Map<VmId, string>();
  private readonly keptOff = new Set<VmId>();

  /** Refused while another one is under way; `what` is a noun. */
  async run(vm: Vm, what: string, work: () => Promise<void>): Promise<void> {
    const other = this.busy.get(vm.id);
    if (other !== undefined) throw new EngineError('busy', `${other} of ${vm.spec.name} is under way.`);
    this.busy.set(vm.id, what);
    try { await work(); } finally { this.busy.delete(vm.id); }
  }

  /** The VM, which is off, cannot be powered on meanwhile. For use within `run`. */
  async whileOff<T>(id: VmId, work: () => Promise<T>): Promise<T> {
    this.keptOff.add(id);
    try { return await work(); } finally { this.keptOff.delete(id); }
  }

  checkPowerOn(vm: Vm): void {
    if (this.keptOff.has(vm.id)) throw new EngineError('busy', `${vm.spec.name} cannot be powered on yet: ${this.busy.get(vm.id)?.toLowerCase() ?? 'a task'} of it is under way.`);
  }
}
