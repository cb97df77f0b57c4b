/** What is changed on a VM whether or not it runs: the media of its CD drives, its balloon, and its guest's time. */
import { EngineError } from '../../shared/base/errors.ts';
import type { VmId } from '../../shared/base/ids.ts';
import { say, type Phrase } from '../../shared/base/phrase.ts';
import { USUAL_TIME, type TimeChange } from '../../shared/model/guest-time.ts';
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

/** A rate is kept for the next power-on; the rest is the running guest's. Says whether its clock itself was set. */
export async function changeTime({ inventory, power }: Context, id: VmId, change: TimeChange): Promise<{ readonly stepped: boolean }> {
  const vm = inState(inventory.vm(id), ['poweredOn']), { rate, paused, dateMs } = change, answer = await power.machine(id).changeTime(change);
  await inventory.transact(edit => {
    const now = edit.vm(id), { name, time = USUAL_TIME } = now.spec, tell = (message: Phrase) => edit.event({ severity: 'info', type: 'vm.timeChanged', message, target: refOf(vm) });
    if (rate !== undefined) {
      edit.put('vm', { ...now, spec: { ...now.spec, time: { ...time, rate } } });
      tell(say`Guest time of ${name} runs at a rate of ${rate}.`);
    }
    if (paused !== undefined) tell(paused ? say`Guest time of ${name} was paused.` : say`Guest time of ${name} goes on.`);
    if (dateMs !== undefined) tell(say`The date of ${name} was set to ${new Date(dateMs).toISOString()}.`);
  });
  return answer;
}

export async function setBalloon({ power }: Context, id: VmId, mib: number): Promise<void> { await power.machine(id).setBalloon(mib); }
