/** Who may connect: RFC 6143, 7.1 and 7.2, for versions 3.3, 3.7 and 3.8, and VeNCrypt 0.2 for what goes through TLS. */
import { createCipheriv, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { english, say, type Said } from '../../../shared/base/phrase.ts';
import { ByteReader, Disconnected, ProtocolError } from './byte-reader.ts';
import { ByteWriter } from './byte-writer.ts';
import { Security, VeNCryptSubtype } from './protocol.ts';

/** In PEM. */
export interface Certificate { readonly key: string; readonly cert: string }

export interface SecurityOptions {
  /** Only its first 8 bytes count. */
  readonly password?: string;
  /** With it, nothing goes but through TLS. */
  readonly tls?: Certificate;
  /** Of all that connect at one place. */
  readonly attempts: Attempts;
}

const CHALLENGE_BYTES = 16;
const TLS_HANDSHAKE_MS = 30_000, LAST_WORDS_MS = 5_000;

/** Wrong passwords at one place: after some, nobody gets in for a while, and then for twice as long. */
export class Attempts {
  private static readonly FREE = 5;
  private static readonly FIRST_MS = 10_000;
  private readonly now: () => number;
  private failed = 0;
  private blockedUntil = 0;

  /** `now` in milliseconds. */
  constructor(now: () => number = () => performance.now()) { this.now = now; }

  get blocked(): boolean { return this.now() < this.blockedUntil; }

  fail(): void {
    this.failed++;
    if (this.failed >= Attempts.FREE) this.blockedUntil = this.now() + Attempts.FIRST_MS * 2 ** Math.min(this.failed - Attempts.FREE, 10);
  }

  succeed(): void { this.failed = 0; this.blockedUntil = 0; }
}

/** One that is let in: the stream from there on, which is another one after TLS. */
export interface Greeted { readonly stream: Duplex; readonly reader: ByteReader }

/** Says why a client may not come in, or nothing. Called when it has shown that it knows the password. */
export type Admit = () => Promise<Said | undefined>;

/** Up to and with SecurityResult. Throws a Disconnected when the client was refused, or is gone. */
export async function greet(raw: Duplex, options: SecurityOptions, admit: Admit): Promise<Greeted> {
  const reader = new ByteReader(raw);
  raw.write('RFB 003.008\n');
  const version = /^RFB (\d{3})\.(\d{3})\n$/.exec((await reader.bytes(12)).toString('latin1'));
  if (version === null || Number(version[1]) < 3) throw new ProtocolError('version');
  // RFC 6143, 7.1.1: whatever is not 3.7 or later counts as 3.3.
  const minor = Number(version[1]) > 3 ? 8 : Number(version[2]) >= 8 ? 8 : Number(version[2]) === 7 ? 7 : 3;
  const type = options.tls ? Security.veNCrypt : options.password !== undefined ? Security.vncAuthentication : Security.none;
  if (options.attempts.blocked) throw await refuseEarly(raw, minor, say`Too many passwords were wrong: try again later.`);

  if (minor === 3) {
    if (type === Security.veNCrypt) throw await refuseEarly(raw, minor, say`This display is reached through TLS only, which needs version 3.7 of the protocol.`);
    // There is no later place for it.
    const refused = type === Security.none ? await admit() : undefined;
    if (refused !== undefined) throw await refuseEarly(raw, minor, refused);
    raw.write(new ByteWriter().u32(type).take());
    if (type === Security.none) return { stream: raw, reader };
    await authenticate(raw, reader, options, minor);
    await finish(raw, minor, admit);
    return { stream: raw, reader };
  }

  raw.write(Uint8Array.of(1, type));
  if (await reader.u8() !== type) throw new ProtocolError('security type');
  const secure = type === Security.veNCrypt ? await startTls(raw, reader, options) : { stream: raw, reader };
  if (options.password !== undefined) await authenticate(secure.stream, secure.reader, options, minor);
  if (options.password === undefined && minor === 7 && type === Security.none) {
    if (await admit() !== undefined) throw await refuse(secure.stream);
  } else await finish(secure.stream, minor, admit);
  return secure;
}

async function finish(stream: Duplex, minor: number, admit: Admit) {
  const refused = await admit();
  if (refused !== undefined) throw await refuse(stream, minor, refused);
  stream.write(new ByteWriter().u32(0).take());
}

async function authenticate(stream: Duplex, reader: ByteReader, { password, attempts }: SecurityOptions, minor: number) {
  const challenge = randomBytes(CHALLENGE_BYTES);
  stream.write(challenge);
  const response = await reader.bytes(CHALLENGE_BYTES);
  // Others may have tried meanwhile.
  if (attempts.blocked || !timingSafeEqual(response, vncResponse(challenge, password!))) {
    attempts.fail();
    throw await refuse(stream, minor, say`The password is wrong.`);
  }
  attempts.succeed();
}

/** RFC 6143, 7.2.2: DES with the password as its key, the bits of each byte reversed. Triple DES with one key is DES, which OpenSSL no longer has. */
export function vncResponse(challenge: Uint8Array, password: string): Buffer {
  const key = Buffer.alloc(8);
  Buffer.from(password, 'utf8').copy(key);
  for (let at = 0; at < key.length; at++) key[at] = reversed(key[at]!);
  const cipher = createCipheriv('des-ede3-ecb', Buffer.concat([key, key, key]), null).setAutoPadding(false);
  return Buffer.concat([cipher.update(challenge), cipher.final()]);
}

function reversed(byte: number): number {
  let out = 0;
  for (let bit = 0; bit < 8; bit++) if ((byte & 1 << bit) !== 0) out |= 128 >> bit;
  return out;
}

async function startTls(raw: Duplex, reader: ByteReader, { password, tls }: SecurityOptions): Promise<Greeted> {
  const subtype = password === undefined ? VeNCryptSubtype.x509None : VeNCryptSubtype.x509Vnc;
  raw.write(Uint8Array.of(0, 2));
  const version = await reader.bytes(2);
  if (version[0] !== 0 || version[1] !== 2) {
    await endWith(raw, Uint8Array.of(255));
    throw new Disconnected('version of VeNCrypt');
  }
  raw.write(new ByteWriter().u8(0).u8(1).u32(subtype).take());
  if (await reader.u32() !== subtype) {
    await endWith(raw, Uint8Array.of(0));
    throw new Disconnected('subtype of VeNCrypt');
  }
  await reader.release();
  raw.write(Uint8Array.of(1));
  const stream = new TLSSocket(raw, { isServer: true, key: tls!.key, cert: tls!.cert, minVersion: 'TLSv1.2' });
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => stream.destroy(), TLS_HANDSHAKE_MS);
    const done = (settle: () => void) => () => { clearTimeout(timer); settle(); };
    stream.once('secure', done(resolve));
    stream.once('close', done(() => reject(new Disconnected('TLS'))));
    stream.on('error', done(() => reject(new Disconnected('TLS'))));
  });
  return { stream, reader: new ByteReader(stream) };
}

/** SecurityResult, with a reason in 3.8. */
async function refuse(stream: Duplex, minor?: number, why?: Said): Promise<Disconnected> {
  const out = new ByteWriter();
  if (minor !== undefined) out.u32(1);
  if (minor === 8 && why !== undefined) putReason(out, why);
  await endWith(stream, out.take());
  return new Disconnected(why === undefined ? 'refused' : english(why));
}

/** Instead of security types. */
async function refuseEarly(stream: Duplex, minor: number, why: Said): Promise<Disconnected> {
  const out = minor === 3 ? new ByteWriter().u32(0) : new ByteWriter().u8(0);
  putReason(out, why);
  await endWith(stream, out.take());
  return new Disconnected(english(why));
}

/** What is said last goes out, but nobody waits for long for a client that does not read it. */
function endWith(stream: Duplex, bytes: Uint8Array): Promise<void> {
  return new Promise(resolve => {
    const timer = setTimeout(resolve, LAST_WORDS_MS);
    stream.once('close', () => { clearTimeout(timer); resolve(); });
    stream.end(bytes, () => { clearTimeout(timer); resolve(); });
  });
}

function putReason(out: ByteWriter, why: Said) {
  const bytes = Buffer.from(english(why));
  out.u32(bytes.length).bytes(bytes);
}
