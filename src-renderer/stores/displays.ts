import { defineStore } from 'pinia';
import { shallowReactive } from 'vue';
import type { VmId } from '../../shared/base/ids.ts';
import type { VmDisplay } from '../../shared/model/display.ts';
import { useEngine } from '../engine/use-engine.ts';

/** Sessions at VMs' displays, of those that this page has asked about. */
export const useDisplays = defineStore('displays', () => {
  const engine = useEngine(), byVm = shallowReactive(new Map<VmId, VmDisplay>());
  engine.on('display.changed', ({ vmId, display }) => { if (byVm.has(vmId)) byVm.set(vmId, display); });
  const look = async (id: VmId) => { byVm.set(id, await engine.call(api => api.displays.get(id))); };

  return {
    byVm, look,
    /** After a reconnection. */
    load: () => Promise.all([...byVm.keys()].map(id => look(id).catch(() => byVm.delete(id)))),
    close: (sessionId: string) => engine.call(api => api.displays.close(sessionId)),
    screenshot: (id: VmId, options?: { readonly head?: number; readonly width?: number }) => engine.call(api => api.displays.screenshot(id, options)),
    record: (id: VmId, head: number) => engine.call(api => api.displays.startRecording(id, { head })),
    stopRecording: (id: VmId) => engine.call(api => api.displays.stopRecording(id)),
    recordings: (id: VmId) => engine.call(api => api.displays.recordings(id)),
    readRecording: (id: VmId, name: string, offset: number) => engine.call(api => api.displays.readRecording(id, name, offset)),
  };
});
