/** Writes what passes a port into a pcapng file, as fast as the disk takes it; what comes faster is left out and counted. */
import { createWriteStream, type WriteStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { EngineError, messageOf } from '../../shared/base/errors.ts';
import { say } from '../../shared/base/phrase.ts';
import { captureHeader, capturedFrame, type CaptureDirection } from '../fabric/pcapng.ts';
import { hostNowNs } from '../time/host-time.ts';
import type { CaptureOptions } from './network-messages.ts';

const MOST_WAITING_BYTES = 2 ** 24;

export class Capture {
  private readonly stream: WriteStream;
  private readonly limitBytes: number;
  private readonly startNs = BigInt(Date.now()) * 1_000_000n - BigInt(hostNowNs());
  private writtenBytes = 0;
  missed = 0;

  private constructor(stream: WriteStream, limitBytes: number) {
    this.stream = stream;
    this.limitBytes = limitBytes;
    // A full disk ends the capture, and nothing else.
    stream.on('error', () => { this.missed++; });
  }

  static async start({ path, limitBytes = Infinity }: CaptureOptions, interfaceName: string): Promise<Capture> {
    try { await (await open(path, 'w')).close(); } catch (error) { throw new EngineError('capture', say`The capture ${path} cannot be written: ${messageOf(error)}.`); }
    const capture = new Capture(createWriteStream(path), limitBytes);
    capture.write(captureHeader(interfaceName));
    return capture;
  }

  frame(bytes: Uint8Array, direction: CaptureDirection): void {
    const { stream } = this, isRoom = stream.writableLength < MOST_WAITING_BYTES && this.writtenBytes + bytes.length <= this.limitBytes && !stream.destroyed;
    if (!isRoom) { this.missed++; return; }
    this.write(capturedFrame(bytes, this.startNs + BigInt(hostNowNs()), direction));
  }

  end(): Promise<void> {
    return new Promise(resolve => {
      if (this.stream.destroyed) resolve();
      else { this.stream.once('close', () => resolve()); this.stream.end(); }
    });
  }

  private write(bytes: Uint8Array) {
    this.writtenBytes += bytes.length;
    this.stream.write(bytes);
  }
}
