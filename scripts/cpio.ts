/** Writes initramfs archives in cpio's "newc" format (Linux Documentation/driver-api/early-userspace/buffer-format.rst). */

export interface CpioEntry { readonly path: string; readonly mode: number; readonly data: Uint8Array }

const S_IFDIR = 0o040000, S_IFREG = 0o100000, S_IFLNK = 0o120000;
export const directory = (path: string): CpioEntry => ({ path, mode: S_IFDIR | 0o755, data: Buffer.alloc(0) });
export const file = (path: string, data: Uint8Array, permissions = 0o644): CpioEntry => ({ path, mode: S_IFREG | permissions, data });
export const link = (path: string, to: string): CpioEntry => ({ path, mode: S_IFLNK | 0o777, data: Buffer.from(to) });

/** Everything belongs to root and to the year 1970, so the same entries give the same bytes. */
export function cpio(entries: readonly CpioEntry[]): Buffer {
  const trailer: CpioEntry = { path: 'TRAILER!!!', mode: 0, data: Buffer.alloc(0) };
  return Buffer.concat([...entries, trailer].flatMap((entry, index) => record(entry, entry === trailer ? 0 : index + 1)));
}

function record({ path, mode, data }: CpioEntry, inode: number): Buffer[] {
  const name = Buffer.from(`${path}\0`);
  const links = (mode & S_IFDIR) === S_IFDIR ? 2 : 1;
  const fields = [inode, mode, 0, 0, links, 0, data.length, 0, 0, 0, 0, name.length, 0];
  const header = Buffer.from(`070701${fields.map(value => value.toString(16).padStart(8, '0')).join('')}`);
  return [padded(Buffer.concat([header, name])), padded(Buffer.from(data))];
}

function padded(bytes: Buffer): Buffer { return Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)]); }
