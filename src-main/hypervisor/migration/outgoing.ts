/** The source's half of a live migration: memory while the guest runs, then the rest while it stands still. */
import { createHash } from 'node:crypto';
import { serialize } from 'node:v8';
import { EngineError } from '../../../shared/base/errors.ts';
import { saidBy, type Message } from '../../../shared/base/phrase.ts';
import { PAGE_BYTES, type DirtyLog } from '../../cpu/core/dirty-log.ts';
import { hostNowNs } from '../../time/host-time.ts';
import type { Vm, VmState } from '../vm.ts';
import type { CopierThread } from './copier-thread.ts';
import { bitmapOf } from './following-memory.ts';
import { damaged, MIGRATION_FORMAT, packed, unpackAsked, type Kind } from './messages.ts';
import type { Copied } from './page-copier.ts';
import type { Followed } from './page-server.ts';

export interface MigrationRules {
  /** The guest may stand still for so long. */
  readonly downtimeMs: number;
  /** The destination compares memory by a hash before it takes over, which takes some 2 s for each GiB. */
  readonly verify?: boolean;
  /** Batches of memory that are compressed at the same time; 1 when absent. */
  readonly batches?: number;
  /** As fast as the link is when absent. */
  readonly bytesPerSecond?: number | undefined;
  /** The guest is never slowed down. */
  readonly keepsSpeed?: boolean | undefined;
  /** The link that it goes over; nothing is between when absent. */
  readonly link?: SharedArrayBuffer | undefined;
  /** After the first round the guest goes on at the destination, and what it wrote to meanwhile follows it there. */
  readonly postCopy?: boolean | undefined;
  /** For negative controls: pages that are written to while memory is copied are not copied again. */
  readonly ignoresWrites?: boolean;
}
export const USUAL_RULES: MigrationRules = { downtimeMs: 50 };

/** How far the copying of memory is. */
export interface MigrationFigures {
  /** From 1. */
  readonly round: number;
  readonly sentBytes: number;
  readonly sentPages: number;
  readonly zeroPages: number;
  /** Pages that are still to be copied. */
  readonly leftPages: number;
  /** Of the last round: what was copied, and what the guest wrote to meanwhile. */
  readonly pagesPerSecond: number;
  readonly dirtyPagesPerSecond: number;
  readonly expectedDowntimeMs: number;
  /** Of the guest's time, kept from running. */
  readonly slowed: number;
  /** Once the guest runs at the destination. */
  readonly followed?: Followed;
}

/** The guest writes faster than this many times what is copied: it is slowed down. */
const LOSING = 0.5;
/** Rounds before that is looked at. */
const PATIENCE = 3;
/** What the state takes besides memory. */
const STATE_MS = 15;
/** How often it is told how much still follows. */
const TELL_MS = 200;

export interface OutgoingIo {
  readonly vm: Pick<Vm, 'dirtyLog' | 'ram' | 'description' | 'shownPages'>;
  readonly channel: Pick<CopierThread, 'copy' | 'serve' | 'send' | 'receive'>;
  readonly rules: MigrationRules;
  readonly progress: (figures: MigrationFigures) => void;
  /** The guest writes too fast: it is to run more slowly, the more often this is called. */
  readonly slowDown: () => void;
  readonly slowed: () => number;
}

export class OutgoingMigration {
  private readonly io: OutgoingIo;
  private readonly ram: Uint8Array;
  private log: DirtyLog | undefined;
  private left = new Uint32Array();
  private stateBytes = 0;
  private copied: Copied = { pages: 0, zeroPages: 0, bytes: 0 };
  private round = 0;
  /** Of the last round that was whole. Pages that are all zeroes take next to no time, which those that are left have none of. */
  private last = { pagesPerSecond: 0, fullPagesPerSecond: 0, dirtyPagesPerSecond: 0 };

  constructor(io: OutgoingIo) {
    this.io = io;
    this.ram = io.vm.ram.view(io.vm.ram.base, io.vm.ram.sizeBytes)!;
  }

  /** Rejects when the destination is another machine. */
  async begin(): Promise<void> {
    await this.say('machine', Buffer.from(JSON.stringify({ format: MIGRATION_FORMAT, ...this.io.vm.description })));
    await this.hear('ready');
  }

  /** Resolves once what is left to copy takes no longer than the guest may stand still. */
  async copyMemory(signal: AbortSignal): Promise<void> {
    this.log = this.io.vm.dirtyLog();
    this.left = new Uint32Array(this.ram.length / PAGE_BYTES);
    // Much faster than `from`, and the guest waits.
    for (let page = 0; page < this.left.length; page++) this.left[page] = page;
    for (;;) {
      const startedNs = hostNowNs(), copied = this.left.length, zeroesBefore = this.copied.zeroPages;
      this.round++;
      await this.copy(this.left, signal);
      this.left = this.taken();
      const seconds = Math.max(1, hostNowNs() - startedNs) / 1e9;
      this.last = { pagesPerSecond: copied / seconds, fullPagesPerSecond: (copied - (this.copied.zeroPages - zeroesBefore)) / seconds, dirtyPagesPerSecond: this.left.length / seconds };
      this.tell(this.left.length);
      if (this.io.rules.postCopy === true || this.left.length === 0 || this.expectedDowntimeMs(this.left.length) <= this.io.rules.downtimeMs) return;
      if (this.round >= PATIENCE && this.left.length > copied * LOSING && this.io.rules.keepsSpeed !== true) this.io.slowDown();
    }
  }

  /** The guest stands still. Resolves when the destination could go on. */
  async switchOver(state: VmState): Promise<void> {
    const { rules: { postCopy, verify }, vm: { shownPages } } = this.io, left = [...new Set([...this.left, ...this.taken()])].sort((a, b) => a - b), isLate = (page: number) => postCopy === true && !shownPages.has(page);
    this.left = Uint32Array.from(left.filter(isLate));
    await this.copy(Uint32Array.from(left.filter(page => !isLate(page))));
    const missing = this.left.length > 0 ? bitmapOf(this.left, this.ram.length / PAGE_BYTES) : undefined, hash = verify ? hashOf(this.ram, this.left) : undefined;
    await this.say('state', packed(serialize({ state, hash, missing } satisfies Handed)));
    await this.hear('restored');
  }

  /** Nothing of the source's touches disks any more. Resolves when the guest runs at the destination; rejects when that refuses. */
  async giveAway(): Promise<void> {
    await this.say('yours');
    await this.hear('running');
  }

  /** Once the guest was given away: sends what it lacks, and resolves when it has all of it. Rejects when the destination is gone. */
  async follow(): Promise<void> {
    if (this.left.length === 0) return;
    const { channel } = this.io, whole = this.hear('whole');
    let before = { atNs: hostNowNs(), pages: this.copied.pages }, followed: Followed = { askedPages: 0, waitedMs: 0 }, left = this.left.length;
    const tell = () => {
      const now = { atNs: hostNowNs(), pages: this.copied.pages };
      this.last = { ...this.last, pagesPerSecond: (now.pages - before.pages) / Math.max(1, now.atNs - before.atNs) * 1e9, dirtyPagesPerSecond: 0 };
      before = now;
      this.tell(left, followed);
    };
    tell();
    const telling = setInterval(tell, TELL_MS);
    try {
      const served = channel.serve(this.left, (copied, stillLeft, now = followed) => { [this.copied, left, followed] = [copied, stillLeft, now]; });
      for (const either of [served, whole]) either.catch(() => { /* the other one tells */ });
      this.copied = await Promise.race([served, whole.then(() => this.copied)]);
      const { askedPages, waitedMs } = unpackAsked(await whole);
      [left, followed] = [0, { askedPages, waitedMs }];
      tell();
    } finally { clearInterval(telling); }
  }

  /** Whatever became of it. */
  end(): void { this.log?.end(); }

  private taken(): Uint32Array<ArrayBuffer> { return this.io.rules.ignoresWrites ? new Uint32Array() : this.log?.take() as Uint32Array<ArrayBuffer>; }

  /** At the rate of the last round, in which there may have been none but zeroes. */
  private expectedDowntimeMs(leftPages: number): number { return STATE_MS + (leftPages === 0 ? 0 : leftPages / (this.last.fullPagesPerSecond || this.last.pagesPerSecond) * 1000); }

  private tell(leftPages: number, followed?: Followed): void {
    const expectedDowntimeMs = this.last.pagesPerSecond === 0 ? 0 : this.expectedDowntimeMs(leftPages);
    this.io.progress({ round: this.round, sentBytes: this.copied.bytes + this.stateBytes, sentPages: this.copied.pages, zeroPages: this.copied.zeroPages, leftPages, ...this.last, expectedDowntimeMs, slowed: this.io.slowed(), ...(followed && { followed }) });
  }

  private async copy(pages: Uint32Array, signal?: AbortSignal): Promise<void> {
    if (pages.length === 0) return;
    this.copied = await this.io.channel.copy(pages, (copied, left) => {
      this.copied = copied;
      this.tell(left);
    }, signal);
  }

  private async say(kind: Kind, payload: Uint8Array = new Uint8Array()): Promise<void> {
    await this.io.channel.send({ kind, payload });
    this.stateBytes += payload.length;
  }

  private async hear(wanted: Kind): Promise<Uint8Array> {
    const { kind, payload } = await this.io.channel.receive();
    if (kind === 'refused') throw new EngineError('migration.refused', saidBy(JSON.parse(Buffer.from(payload).toString()) as Message));
    if (kind !== wanted) throw damaged();
    return payload;
  }
}

/** What the state takes with it: a bit for each page that is to follow. */
export interface Handed { readonly state: VmState; readonly hash: string | undefined; readonly missing: Uint8Array | undefined }

/** Of memory, but for some pages. */
export function hashOf(ram: Uint8Array, without: Iterable<number> = []): string {
  const bytes = Buffer.from(ram);
  for (const page of without) bytes.fill(0, page * PAGE_BYTES, (page + 1) * PAGE_BYTES);
  return createHash('sha256').update(bytes).digest('hex');
}
