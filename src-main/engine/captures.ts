/** Captures of running VMs' network adapters. One ends with its VM. */
import { join } from 'node:path';
import { EngineError } from '../../shared/base/errors.ts';
import type { VmId } from '../../shared/base/ids.ts';
import { say, type Phrase } from '../../shared/base/phrase.ts';
import type { Vm, VmStats } from '../../shared/model/vm.ts';
import type { NicHandle } from '../hypervisor/network-messages.ts';
import type { RunningVm } from '../hypervisor/vm-launch.ts';
import { refOf } from '../inventory/inventory.ts';
import type { Engine } from './engine.ts';

type Context = Pick<Engine, 'inventory' | 'power' | 'files'>;

export class Captures {
  private readonly engine: Context;
  private readonly paths = new WeakMap<NicHandle, string>();

  constructor(engine: Context) { this.engine = engine; }

  async start(id: VmId, place: number, path?: string): Promise<{ readonly path: string }> {
    const { inventory, files } = this.engine, vm = inventory.vm(id), nic = nicOf(vm, this.engine.power.machine(id), place);
    const running = this.paths.get(nic);
    if (running !== undefined) throw new EngineError('capturing', say`Network adapter ${place + 1} of ${vm.spec.name} is being captured to ${running} already.`);
    if (path === undefined) await files.makeFolder(id);
    const to = path ?? join(files.folder(id), `adapter-${place + 1}-${new Date().toISOString().replace(/[:.]/g, '-')}.pcapng`);
    await nic.startCapture({ path: to });
    this.paths.set(nic, to);
    await this.record(vm, 'vm.captureStarted', say`A capture of network adapter ${place + 1} of ${vm.spec.name} was started: ${to}.`);
    return { path: to };
  }

  async stop(id: VmId, place: number): Promise<void> {
    const vm = this.engine.inventory.vm(id), nic = nicOf(vm, this.engine.power.machine(id), place), path = this.paths.get(nic);
    if (path === undefined) throw new EngineError('not-capturing', say`Network adapter ${place + 1} of ${vm.spec.name} is not being captured.`);
    this.paths.delete(nic);
    await nic.stopCapture();
    await this.record(vm, 'vm.captureStopped', say`The capture of network adapter ${place + 1} of ${vm.spec.name} was stopped: ${path}.`);
  }

  /** Where its captures go that are under way. */
  pathsOf(id: VmId): readonly string[] { return this.engine.power.nics(id).flatMap(nic => this.paths.get(nic) ?? []); }

  /** The VM's figures, with what is being captured. */
  async stats(id: VmId): Promise<VmStats | null> {
    const stats = await this.engine.power.stats(id), { power } = this.engine;
    if (stats === null) return null;
    const handles = power.nics(id);
    return { ...stats, nics: stats.nics.map((nic, place) => ({ ...nic, capturePath: handles[place] && this.paths.get(handles[place]) })) };
  }

  private record(vm: Vm, type: string, message: Phrase): Promise<void> {
    return this.engine.inventory.transact(edit => edit.event({ severity: 'info', type, message, target: refOf(vm) }));
  }
}

function nicOf({ spec: { name } }: Vm, machine: RunningVm, place: number): NicHandle {
  const nic = machine.nics[place];
  if (nic === undefined) throw new EngineError('no-nic', say`${name} has no network adapter ${place + 1}.`);
  return nic;
}
