/** Memory as one stream's device sees it through the SMMU. What cannot be translated is not reached, and is an event. */
import type { Dma } from '../../memory/dma.ts';
import type { AccessSize } from '../../memory/region.ts';
import { CLASS_INPUT, CLASS_TABLE, EVENT, FAULT_EVENT, type Event } from './events.ts';
import type { Context, StreamConfig } from './stream-tables.ts';
import { Tlb } from './tlb.ts';
import { intermediate, walk, type Translation, type WalkFailure, type WalkResult } from './walk.ts';

type How = 'read' | 'write';

/** Addresses that a stream's context may have; above, numbers are not exact. */
const INPUT_BITS = 52;
/** Longest stretch that is looked up at once, so that no guest keeps its VM's thread for long. */
const LONGEST_BYTES = 2 ** 28;

export interface StreamIo {
  /** Memory behind the SMMU. */
  readonly memory: Dma;
  /** Where tables are. */
  readonly tables: Dma;
  /** What the guest's tables, or the SMMU's being off, say of this stream. */
  readonly config: () => StreamConfig;
  readonly record: (event: Event) => void;
}

interface Piece { readonly at: number; readonly offset: number; readonly length: number }

export class Stream implements Dma {
  private readonly io: StreamIo;
  private readonly tlb = new Tlb();
  private known: StreamConfig | undefined;

  constructor(io: StreamIo) { this.io = io; }

  /** The guest changed its tables: they are read again. */
  forgetConfig(): void {
    this.known = undefined;
    this.tlb.clear();
  }

  /** Drops translations, of an address range if one is given, when they are of these contexts. */
  forget(isMeant: (context: Context) => boolean, range?: { readonly from: number; readonly length: number }): void {
    if (this.known?.kind !== 'translate' || !isMeant(this.known)) return;
    if (range === undefined) this.tlb.clear();
    else this.tlb.drop(range.from, range.length);
  }

  load(address: number, size: AccessSize): number | undefined {
    const pieces = this.pieces(address, size, 'read');
    if (pieces?.length === 1) return this.io.memory.load(pieces[0]!.at, size);
    const bytes = new Uint8Array(size);
    return this.readPieces(pieces, bytes) ? bytes.reduceRight((value, byte) => value * 256 + byte, 0) : undefined;
  }

  store(address: number, size: AccessSize, value: number): boolean {
    const pieces = this.pieces(address, size, 'write');
    if (pieces?.length === 1) return this.io.memory.store(pieces[0]!.at, size, value);
    return this.writePieces(pieces, Uint8Array.from({ length: size }, (_, n) => value >>> 8 * n));
  }

  read(address: number, into: Uint8Array): boolean { return this.readPieces(this.pieces(address, into.length, 'read'), into); }
  write(address: number, bytes: Uint8Array): boolean { return this.writePieces(this.pieces(address, bytes.length, 'write'), bytes); }

  reaches(address: number, length: number, how: How): boolean {
    return this.pieces(address, length, how)?.every((piece) => this.io.memory.reaches(piece.at, piece.length, how)) ?? false;
  }

  private readPieces(pieces: readonly Piece[] | undefined, into: Uint8Array) {
    if (!pieces?.every(({ at, length }) => this.io.memory.reaches(at, length, 'read'))) return false;
    return pieces.every(({ at, offset, length }) => this.io.memory.read(at, into.subarray(offset, offset + length)));
  }

  private writePieces(pieces: readonly Piece[] | undefined, bytes: Uint8Array) {
    if (!pieces?.every(({ at, length }) => this.io.memory.reaches(at, length, 'write'))) return false;
    return pieces.every(({ at, offset, length }) => this.io.memory.write(at, bytes.subarray(offset, offset + length)));
  }

  /** A range as it lies in memory, in as many pieces as there are pages, or one where they follow each other; or nothing. */
  private pieces(address: number, length: number, how: How): Piece[] | undefined {
    const config = this.known ??= this.io.config();
    if (config.kind === 'bypass') return [{ at: address, offset: 0, length }];
    if (config.kind !== 'translate') return this.refuse(config, address, how);
    if (length > LONGEST_BYTES) return undefined;
    const pieces: Piece[] = [];
    let offset = 0;
    do {
      const found = this.translate(config, address + offset, how);
      if (found === undefined) return undefined;
      const inside = (address + offset) % 2 ** found.shift, part = Math.min(length - offset, 2 ** found.shift - inside);
      const at = found.output + inside, last = pieces.at(-1);
      if (last !== undefined && last.at + last.length === at) pieces[pieces.length - 1] = { ...last, length: last.length + part };
      else pieces.push({ at, offset, length: part });
      offset += part;
    } while (offset < length);
    return pieces;
  }

  /** What is wrong with the tables is found out anew each time. */
  private refuse(config: Exclude<StreamConfig, { kind: 'bypass' | 'translate' }>, address: number, how: How): undefined {
    if (config.kind === 'bad') {
      this.known = undefined;
      this.io.record({ ...config.event, isRead: how === 'read', ...(config.event.class !== undefined && { inputAddress: address }) });
    }
    return undefined;
  }

  private translate(context: Context, address: number, how: How): Translation | undefined {
    if (!(address >= 0 && address < 2 ** INPUT_BITS)) return this.fault(context, { ok: false, fault: 'translation', at: address }, address, how);
    let found = this.tlb.find(address);
    if (found === undefined) {
      const walked = this.walkAll(context, address);
      if (!walked.ok) return this.fault(context, walked, address, how);
      found = walked.translation;
      this.tlb.add(address, found);
    }
    if (how === 'read' ? found.readable : found.writable) return found;
    return this.fault(context, { ok: false, fault: 'permission', at: address }, address, how);
  }

  private walkAll({ stage1, stage2 }: Context, address: number): WalkResult {
    const { tables } = this.io;
    if (stage1 === undefined) return walk(stage2!, tables, address, (at) => at);
    const first = walk(stage1, tables, address, (at) => (stage2 === undefined ? at : intermediate(stage2, tables, at, 'read')));
    if (!first.ok || stage2 === undefined) return first;
    return nested(first.translation, address, walk(stage2, tables, first.translation.output + address % 2 ** first.translation.shift, (at) => at));
  }

  private fault(context: Context, failure: WalkFailure, address: number, how: How): undefined {
    const isStage2 = failure.inStage2 ?? context.stage1 === undefined;
    if (!context.records && failure.fault !== 'walk-abort') return undefined;
    this.io.record({
      type: FAULT_EVENT[failure.fault], isRead: how === 'read', privileged: context.stage1?.privileged ?? false, isStage2, inputAddress: address,
      class: failure.inStage2 || FAULT_EVENT[failure.fault] === EVENT.F_WALK_EABT ? CLASS_TABLE : CLASS_INPUT,
      ...(failure.fault === 'walk-abort' ? { fetchAddress: failure.at } : isStage2 && { ipa: failure.at }),
    });
    return undefined;
  }
}

/** Both stages as one translation, of the smaller of the two sizes. */
function nested(first: Translation, address: number, second: WalkResult): WalkResult {
  if (!second.ok) return { ...second, inStage2: true };
  const { output, shift: shift2, readable, writable } = second.translation, shift = Math.min(first.shift, shift2);
  const ipa = first.output + address % 2 ** first.shift, at = output + ipa % 2 ** shift2;
  return { ok: true, translation: { output: at - address % 2 ** shift, shift, readable: first.readable && readable, writable: first.writable && writable } };
}
