/**
 * What a deterministic VM has instead of the host's time, date and randomness: time is counted in instructions, and
 * all else follows from a seed. Two runs of a guest that is given nothing from outside are the same to the last bit.
 */
import { createHash } from 'node:crypto';

/** Nanoseconds that pass for each instruction, whichever vCPU retires it; so one CPU runs at 1 GHz, and two share it. */
const NS_PER_INSTRUCTION = 1;
/** 2026-01-01, in ms since the epoch. */
const START_MS = Date.UTC(2026, 0, 1);

export interface CountedWorldOptions {
  /** Any text; the same one gives the same random numbers. */
  readonly seed?: string;
  /** The date when the machine is turned on, in ms since the epoch. */
  readonly startMs?: number;
}

export class CountedWorld {
  private readonly seed: string;
  private readonly startMs: number;
  private timeNs = 0;
  private blocks = 0;

  constructor({ seed = 'quarterdeck', startMs = START_MS }: CountedWorldOptions = {}) {
    this.seed = seed;
    this.startMs = startMs;
  }

  readonly nowNs = (): number => this.timeNs;

  /** The date at a time of the VM's clock. */
  wallMs(clockNs: number): number { return this.startMs + clockNs / 1e6; }

  ran(instructions: number): void { this.timeNs += instructions * NS_PER_INSTRUCTION; }
  /** Nothing runs before then. */
  pass(ns: number): void { this.timeNs += ns; }

  random(length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length; at += 32) bytes.set(this.block().subarray(0, length - at), at);
    return bytes;
  }

  private block(): Uint8Array { return createHash('sha256').update(`${this.seed} ${this.blocks++}`).digest(); }

  save(): number { return this.blocks; }
  restore(blocks: number): void { this.blocks = blocks; }
}
