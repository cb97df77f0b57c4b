/** `quarterdeck run --vnc`: the VM's display for VNC clients, whose sizes it takes; sessions share it. */
import { configurationFor, USUAL_DISPLAY, type VncListener } from '../../shared/model/display.ts';
import { DisplayClient } from '../display/start-display.ts';
import type { RunningVm } from '../hypervisor/vm-launch.ts';

const VM = 'run';

/** Resolves to where clients find it; rejects with a sentence when it cannot be there. */
export async function showByVnc({ screen }: RunningVm, at: VncListener['at']): Promise<string> {
  const display: DisplayClient = new DisplayClient({
    admit: () => Promise.resolve(undefined),
    onEvent: event => {
      if (event.kind !== 'size-wanted') return;
      void display.configure(VM, configurationFor(USUAL_DISPLAY, { monitors: [event.size], pixelRatio: 1, colourDepth: 24, pointer: 'mouse' }));
    },
  });
  await display.describe(VM, { name: 'Quarterdeck', sizeFixed: false });
  if (screen !== undefined) await display.attach(VM, screen);
  const found = await display.listen(VM, { at });
  return found.kind === 'tcp' ? `127.0.0.1:${found.port}` : found.path;
}
