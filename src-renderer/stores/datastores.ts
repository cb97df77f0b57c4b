import { defineStore } from 'pinia';
import type { DatastoreId } from '../../shared/base/ids.ts';
import type { DatastoreEdit, DatastoreRequest } from '../../shared/model/container.ts';
import type { Place } from '../../shared/model/place.ts';
import { useEngine } from '../engine/use-engine.ts';

const PIECE_BYTES = 2 ** 20;

export interface Transfer { readonly signal: AbortSignal; readonly progress: (part: number) => void }

export const useDatastores = defineStore('datastores', () => {
  const engine = useEngine();

  /** Nothing stays of an upload that fails or is cancelled. */
  async function upload(id: DatastoreId, path: string, file: Blob, { signal, progress }: Transfer): Promise<void> {
    const uploadId = await engine.call(api => api.datastores.startUpload(id, path, file.size));
    try {
      for (let at = 0; at < file.size; at += PIECE_BYTES) {
        signal.throwIfAborted();
        const bytes = new Uint8Array(await file.slice(at, at + PIECE_BYTES).arrayBuffer());
        await engine.call(api => api.datastores.upload(uploadId, bytes));
        progress(Math.min(1, (at + PIECE_BYTES) / file.size));
      }
      await engine.call(api => api.datastores.finishUpload(uploadId));
    } catch (error) {
      await engine.call(api => api.datastores.cancelUpload(uploadId)).catch(() => { /* the engine is gone, and so is the upload */ });
      throw error;
    }
  }

  async function download(id: DatastoreId, path: string, sizeBytes: number, { signal, progress }: Transfer): Promise<Blob> {
    const parts: Uint8Array<ArrayBuffer>[] = [];
    for (let at = 0; at < sizeBytes;) {
      signal.throwIfAborted();
      const bytes = await engine.call(api => api.datastores.read(id, path, at, PIECE_BYTES));
      if (bytes.length === 0) break;
      parts.push(new Uint8Array(bytes));
      progress((at += bytes.length) / sizeBytes);
    }
    return new Blob(parts);
  }

  return {
    upload, download,
    add: (request: DatastoreRequest, parent: Place) => engine.call(api => api.datastores.add(request, parent)),
    edit: (id: DatastoreId, change: DatastoreEdit) => engine.call(api => api.datastores.edit(id, change)),
    usage: (id: DatastoreId) => engine.call(api => api.datastores.usage(id)),
    list: (id: DatastoreId, path: string) => engine.call(api => api.datastores.list(id, path)),
    makeFolder: (id: DatastoreId, path: string) => engine.call(api => api.datastores.makeFolder(id, path)),
    move: (id: DatastoreId, from: string, to: string) => engine.call(api => api.datastores.move(id, from, to)),
    remove: (id: DatastoreId, paths: readonly string[]) => engine.call(api => api.datastores.delete(id, paths)),
    checksum: (id: DatastoreId, path: string) => engine.call(api => api.datastores.checksum(id, path)),
  };
});
