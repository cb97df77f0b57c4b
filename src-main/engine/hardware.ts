/** What is changed on a VM whether or not it runs: the media of its CD drives, and its balloon. */
import { EngineError } from '../../shared/base/errors.ts';
import type { VmId } from '../../shared/base/ids.ts';
import { say } from '../../shared/base/phrase.ts';
import type { VmSpec } from '../../shared/model/vm.ts';
import { refOf } from '../inventory/inventory.ts';
import type { Engine } from './engine.ts';
import { inState } from './power.ts';

type Context = Pick<Engine, 'inventory' | 'power'>;

/** Drives are counted from 0 among the VM's CD drives. */
export async function changeMedium({ inventory, power }: Context, id: VmId, drive: number, path: string | undefined): Promise<void> {
  const vm = inState(inventory.vm(id), ['poweredOff', 'poweredOn']);
  withMedium(vm.spec, drive, path);
  if (vm.powerState === 'poweredOn') await power.machine(id).changeMedium(drive, path);
  await inventory.transact(edit => {
    const now = edit.vm(id);
    edit.put('vm', { ...now, spec: withMedium(now.spec, drive, path) });
    edit.event({ severity: 'info', type: 'vm.mediumChanged', message: path === undefined ? say`CD drive ${drive + 1} of ${now.spec.name} was emptied.` : say`CD drive ${drive + 1} of ${now.spec.name} now holds ${path}.`, target: refOf(now) });
  });
}

function withMedium(spec: VmSpec, drive: number, path = ''): VmSpec {
  const places = spec.disks.flatMap(({ cdrom }, place) => (cdrom ? [place] : [])), at = places[drive];
  if (at === undefined) throw new EngineError('disk.no-drive', say`There is no CD drive ${drive}; the VM has ${places.length}.`);
  // What the new image is, its first bytes tell.
  return { ...spec, disks: spec.disks.map((disk, place) => { const { format: _, ...rest } = disk; return place === at ? { ...rest, path } : disk; }) };
}

export async function setBalloon({ power }: Context, id: VmId, mib: number): Promise<void> { await power.machine(id).setBalloon(mib); }
