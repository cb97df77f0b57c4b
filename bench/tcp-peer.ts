/** The host's end of the bench's TCP streams (guest/network.c): takes one, or gives one, as the guest's first byte says. */
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { Readable } from 'node:stream';

/** As in guest/network.c. */
const BLOCK = 4096, BLOCKS_AT_ONCE = 256;
export const STREAM_MIB = 128;
const BLOCKS = STREAM_MIB * 2 ** 20 / BLOCK;
const SENDS = '>'.charCodeAt(0);

const HASH_START = 0xcbf29ce484222325n, HASH_PRIME = 0x100000001b3n;
const hashValue = (hash: bigint, value: bigint): bigint => BigInt.asUintN(64, (hash ^ value) * HASH_PRIME);

/** What a guest says of a stream that arrived whole. */
export const streamSum = (): string => Array.from({ length: BLOCKS }, (_, n) => BigInt(n)).reduce(hashValue, HASH_START).toString(16).padStart(16, '0');

export interface TcpPeer extends Disposable { readonly port: number }

export async function startTcpPeer(): Promise<TcpPeer> {
  const server = createServer(socket => {
    socket.on('error', () => { /* the guest says what it missed */ });
    socket.once('data', (bytes: Buffer) => {
      if (bytes[0] === SENDS) take(socket, bytes.subarray(1)); else Readable.from(stream()).pipe(socket);
    });
  });
  await new Promise<void>(resolve => { server.listen(0, '127.0.0.1', resolve); });
  return { port: (server.address() as AddressInfo).port, [Symbol.dispose]: () => { server.close(); } };
}

/** Hashes the numbers of blocks, of which a piece may hold a part, and answers with the hash. */
function take(socket: Socket, first: Buffer): void {
  const number = Buffer.alloc(8);
  let at = 0, hash = HASH_START;
  const piece = (bytes: Buffer): void => {
    for (let from = 0; from < bytes.length;) {
      const inBlock = (at + from) % BLOCK;
      if (inBlock >= 8) { from += BLOCK - inBlock; continue; }
      const part = bytes.subarray(from, from + 8 - inBlock);
      part.copy(number, inBlock);
      if (inBlock + part.length === 8) hash = hashValue(hash, number.readBigUInt64LE());
      from += part.length;
    }
    at += bytes.length;
    if (at < STREAM_MIB * 2 ** 20) return;
    number.writeBigUInt64LE(hash);
    socket.end(number);
  };
  socket.on('data', piece);
  piece(first);
}

function* stream(): Generator<Buffer> {
  for (let block = 0; block < BLOCKS;) {
    const bytes = Buffer.alloc(BLOCKS_AT_ONCE * BLOCK);
    for (let at = 0; at < bytes.length; at += BLOCK) bytes.writeBigUInt64LE(BigInt(block++), at);
    yield bytes;
  }
}
