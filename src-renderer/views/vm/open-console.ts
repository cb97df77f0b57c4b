import type { VmId } from '../../../shared/base/ids.ts';

/** Which console of a VM: its serial port, or a head of its display, in a session that another window has opened. */
export interface ConsolePart { readonly head?: number | undefined; readonly sessionId?: string | undefined; readonly serial?: boolean | undefined }

const queryOf = ({ head, sessionId, serial }: ConsolePart): string => new URLSearchParams({ ...(head !== undefined && { head: String(head) }), ...(sessionId !== undefined && { session: sessionId }), ...(serial && { serial: '' }) }).toString();
/** What the address of a console's window says. */
export const partOf = ({ head, session, serial }: Readonly<Record<string, unknown>>): ConsolePart => ({
  head: typeof head === 'string' && /^[0-3]$/.test(head) ? Number(head) : undefined, sessionId: typeof session === 'string' ? session : undefined, serial: serial !== undefined,
});

/** Opens a VM's console in a window of its own; asked again, the browser shows the one already open. */
export function openConsole(id: VmId, part: ConsolePart = {}): void {
  const query = queryOf(part);
  if (window.quarterdeck) window.quarterdeck.openConsoleWindow(id, query);
  else window.open(`#/console/${encodeURIComponent(id)}${query && `?${query}`}`, `quarterdeck-console-${id}-${part.head ?? 0}`, 'popup,width=900,height=640');
}
