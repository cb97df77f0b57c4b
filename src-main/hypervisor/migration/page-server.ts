/** Sends the pages that the destination lacks while the guest runs there: those that are asked for first, then the others in order, from behind the last that was asked for. */
import type { Asked } from './messages.ts';
import type { Copied, PageCopier } from './page-copier.ts';

/** So few at once that nobody who asks waits long behind them. */
const PAGES_AT_ONCE = 32;

/** What the destination said of its guest. */
export type Followed = Omit<Asked, 'pages'>;

export class PageServer {
  private readonly copier: Pick<PageCopier, 'copy'>;
  private readonly pages: Uint32Array;
  /** By number: where a page is in `pages`, while it is to be sent. */
  private readonly places: Map<number, number>;
  private wanted: number[] = [];
  private next = 0;
  followed: Followed = { askedPages: 0, waitedMs: 0 };

  /** In their order. */
  constructor(copier: Pick<PageCopier, 'copy'>, pages: Uint32Array) {
    this.copier = copier;
    this.pages = pages;
    this.places = new Map(Array.from(pages, (page, place) => [page, place]));
  }

  get left(): number { return this.places.size; }

  ask(all: readonly Asked[]): void {
    for (const { pages, ...followed } of all) {
      this.followed = followed;
      this.wanted.push(...pages);
    }
  }

  /** Resolves when all are on their way. Rejects when the channel is closed. */
  async serve(): Promise<Copied> {
    for (;;) {
      const batch = this.batch(), copied = await this.copier.copy(batch, () => false);
      if (batch.length === 0) return copied;
    }
  }

  private batch(): Uint32Array { return Uint32Array.from(this.asked() ?? this.following()); }

  /** What is waited for goes alone; what was sent already, or was never missing, not again. */
  private asked(): number[] | undefined {
    while (this.wanted.length > 0) {
      const pages = this.wanted.splice(0, PAGES_AT_ONCE).filter(page => this.take(page));
      if (pages.length > 0) return pages;
    }
    return undefined;
  }

  private following(): number[] {
    const pages: number[] = [];
    while (this.places.size > 0 && pages.length < PAGES_AT_ONCE) {
      const page = this.pages[this.next]!;
      this.next = (this.next + 1) % this.pages.length;
      if (this.places.delete(page)) pages.push(page);
    }
    return pages;
  }

  private take(page: number): boolean {
    const place = this.places.get(page);
    if (place === undefined) return false;
    this.next = (place + 1) % this.pages.length;
    return this.places.delete(page);
  }
}
