import * as v from 'valibot';
import type { EngineApi } from '../../shared/api/engine-api.ts';
import type { DatastoreId } from '../../shared/base/ids.ts';
import { fixed, say } from '../../shared/base/phrase.ts';
import { DatastoreEdit, DatastoreRequest } from '../../shared/model/container.ts';
import { checked, Count, FilePath, idOf } from './checked.ts';
import type { Engine } from './engine.ts';
import { newId } from './new-id.ts';
import type { Session } from './session.ts';

const Id = idOf<DatastoreId>(say`The datastore`), UploadId = v.pipe(v.string(), v.maxLength(64));
const Parent = v.object({ kind: v.picklist(['datacenter', 'folder'], fixed(say`A datastore is in a datacenter or a folder.`)), id: v.pipe(v.string(), v.maxLength(64)) });
const Paths = v.pipe(v.array(FilePath), v.minLength(1, fixed(say`Choose a file.`)), v.maxLength(10_000, fixed(say`These are too many files.`)));
const Piece = v.pipe(v.instance(Uint8Array, fixed(say`A piece of a file is bytes.`)), v.check(bytes => bytes.length <= 4 * 1024 * 1024, fixed(say`At most 4 MiB can be sent at once.`)));
const PieceLength = v.pipe(Count, v.maxValue(4 * 1024 * 1024, fixed(say`At most 4 MiB can be read at once.`)));

export function datastoreMethods({ datastores, inventory, tasks }: Pick<Engine, 'datastores' | 'inventory' | 'tasks'>, { onEnd }: Session): EngineApi['datastores'] {
  const ref = (id: DatastoreId) => inventory.ref({ kind: 'datastore', id });
  return {
    add: checked([DatastoreRequest, Parent], (request, parent) => tasks.run(say`Add datastore`, inventory.ref(parent), async ({ made }) => { const { id, name } = await datastores.add(request, parent, newId<DatastoreId>('datastore')); made({ kind: 'datastore', id, name }); })),
    edit: checked([Id, DatastoreEdit], (id, { capacityBytes }) => tasks.run(say`Edit datastore`, ref(id), () => datastores.edit(id, capacityBytes))),
    usage: checked([Id], id => datastores.usage(id)),
    list: checked([Id, FilePath], (id, path) => datastores.list(id, path)),
    makeFolder: checked([Id, FilePath], (id, path) => datastores.makeFolder(id, path)),
    move: checked([Id, FilePath, FilePath], (id, from, to) => datastores.move(id, from, to)),
    delete: checked([Id, Paths], (id, paths) => tasks.run(say`Delete files`, ref(id), context => datastores.delete(id, paths, context), { cancelable: true })),
    checksum: checked([Id, FilePath], (id, path) => tasks.run(say`Compute checksum`, ref(id), async context => { const sum = await datastores.checksum(id, path, context); context.progress(1, say`SHA-256 of ${path}: ${sum}`); }, { cancelable: true })),
    read: checked([Id, FilePath, Count, PieceLength], (id, path, offset, length) => datastores.read(id, path, offset, length)),
    startUpload: checked([Id, FilePath, Count], async (id, path, sizeBytes) => {
      const uploadId = await datastores.startUpload(id, path, sizeBytes);
      // Of a client that is gone before the file is whole, nothing stays.
      onEnd(() => { datastores.cancelUpload(uploadId).catch(() => { /* it has ended */ }); });
      return uploadId;
    }),
    upload: checked([UploadId, Piece], (uploadId, bytes) => datastores.upload(uploadId, bytes)),
    finishUpload: checked([UploadId], uploadId => datastores.finishUpload(uploadId)),
    cancelUpload: checked([UploadId], uploadId => datastores.cancelUpload(uploadId)),
  };
}
