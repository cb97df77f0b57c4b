/** For tests: a VM in this thread, driven by hand. */
import { deserialize, serialize } from 'node:v8';
import { Vm, type BootImage, type VmOptions, type VmState } from './vm.ts';

export class Driven {
  readonly vm: Vm;
  printed = '';
  constructor(boot: BootImage, options: Partial<VmOptions> = {}) {
    this.vm = new Vm({
      cpus: 1, memoryMib: 128, disks: [], ...options, counterHz: 62_500_000, boot, wake: () => { /* driven by hand */ },
      consoleOutput: byte => { this.printed += String.fromCharCode(byte); this.vm.board.acknowledgeConsole(1); },
    });
    this.vm.resume();
  }

  async runUntil(done: () => boolean): Promise<void> {
    while (!done()) {
      this.vm.runSlice();
      await new Promise(resolve => { setImmediate(resolve); });
    }
  }

  /** Carries on in a machine that never ran, made ready by `prepare`: state through bytes, RAM page for page. */
  async moveTo(boot: BootImage, options: Partial<VmOptions>, prepare: (next: Vm) => void = () => { /* as built */ }): Promise<Driven> {
    this.vm.pause();
    const state = deserialize(serialize(await this.vm.save())) as VmState, next = new Driven(boot, options);
    next.vm.pause();
    prepare(next.vm);
    next.vm.ram.write(next.vm.ram.base, this.vm.ram.view(this.vm.ram.base, this.vm.ram.sizeBytes) as Uint8Array);
    next.vm.restore(state);
    next.printed = this.printed;
    await this.vm.end();
    next.vm.resume();
    return next;
  }
}
