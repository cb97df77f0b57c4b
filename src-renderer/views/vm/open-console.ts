import type { VmId } from '../../../shared/base/ids.ts';

/** Opens the VM's console in a window of its own; asked again, the browser shows the one already open. */
export function openConsole(id: VmId): void {
  if (window.quarterdeck) window.quarterdeck.openConsoleWindow(id);
  else window.open(`#/console/${encodeURIComponent(id)}`, `quarterdeck-console-${id}`, 'popup,width=900,height=640');
}
