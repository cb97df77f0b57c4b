/** A VM's display as typed, for a new VM and for the settings of one. */
import { say, type Phrase } from '../../../shared/base/phrase.ts';
import { USUAL_SIZE, type DisplaySpec, type VncListener } from '../../../shared/model/display.ts';
import { translate } from '../../i18n/i18n.ts';
import { typed } from './hardware-draft.ts';

export interface DisplayDraft {
  adapter: DisplaySpec['adapter'] | 'none';
  heads: number;
  size: 'client' | 'fixed';
  /** When the size is fixed. */
  width: string;
  height: string;
  sessions: DisplaySpec['sessions'];
  unwatched: DisplaySpec['unwatched'];
  vnc: VncListener['at']['kind'] | 'off';
  port: string;
  path: string;
  /** None when empty. */
  password: string;
  tls: boolean;
}

/** Of a VM that has none, what its fields show once it is given one. */
export function displayDraft(own: DisplaySpec | undefined): DisplayDraft {
  const { adapter = 'none', heads = 1, fixedSize, sessions = 'share', unwatched = 'run', vnc } = own ?? {}, { width, height } = fixedSize ?? USUAL_SIZE;
  return {
    adapter, heads, size: fixedSize === undefined ? 'client' : 'fixed', width: String(width), height: String(height), sessions, unwatched,
    vnc: vnc?.at.kind ?? 'off', port: vnc?.at.kind === 'tcp' ? String(vnc.at.port) : '5900', path: vnc?.at.kind === 'unix' ? vnc.at.path : '', password: vnc?.password ?? '', tls: vnc?.tls ?? false,
  };
}

/** Nothing of a VM without a display. */
export function displayOf(draft: DisplayDraft): DisplaySpec | undefined {
  const { adapter, heads, size, width, height, sessions, unwatched } = draft, vnc = listenerOf(draft);
  return adapter === 'none' ? undefined : { adapter, heads, ...(size === 'fixed' && { fixedSize: { width: typed(width), height: typed(height) } }), unwatched, sessions, ...(vnc && { vnc }) };
}

function listenerOf({ vnc, port, path, password, tls }: DisplayDraft): VncListener | undefined {
  if (vnc === 'off') return undefined;
  return { at: vnc === 'tcp' ? { kind: vnc, port: typed(port) } : { kind: vnc, path: path.trim() }, ...(password !== '' && { password }), ...(tls && { tls }) };
}

const ADAPTERS: Readonly<Record<DisplayDraft['adapter'], Phrase>> = { none: say`None: serial console only`, 'virtio-gpu': say`virtio-gpu`, framebuffer: say`Framebuffer` };
export const adapterName = (adapter: DisplayDraft['adapter']): string => translate(ADAPTERS[adapter]);
