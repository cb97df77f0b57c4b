import { open } from 'node:fs/promises';
import { step, type Progress } from './progress.ts';

const PIECE_BYTES = 2 ** 20, ZEROES = Buffer.alloc(PIECE_BYTES);

/** Copies a file byte by byte, durably; what is all zeroes stays a hole. `to` must not be there yet. */
export async function copyFile(from: string, to: string, options: Progress = {}): Promise<void> {
  const source = await open(from);
  try {
    const { size } = await source.stat(), target = await open(to, 'wx');
    try {
      await target.truncate(size);
      const buffer = Buffer.alloc(PIECE_BYTES);
      for (let at = 0; at < size;) {
        step(options, at / size);
        const { bytesRead } = await source.read(buffer, 0, Math.min(PIECE_BYTES, size - at), at), bytes = buffer.subarray(0, bytesRead);
        if (bytesRead === 0) throw new Error(`${from} became shorter`);
        if (!bytes.equals(ZEROES.subarray(0, bytesRead))) for (let done = 0; done < bytesRead;) done += (await target.write(bytes, done, bytesRead - done, at + done)).bytesWritten;
        at += bytesRead;
      }
      await target.sync();
    } finally { await target.close(); }
  } finally { await source.close(); }
  step(options, 1);
}
