/**
 * Keeps the translated regions of one machine. The interpreter reports records that were reached often; they are
 * translated elsewhere, and installed between turns as the entries of their places. When a page is written its entries
 * are cleared and its generation counts up, so that no translation outlives its code.
 */
import * as L from '../layout.ts';
import { slotOf, type HotRecord, type Translation } from './translation.ts';

/** Records in one request: their module takes a few milliseconds. */
const BATCH = 24;
/** Turns for which a record may wait for its batch to fill. */
const PATIENCE = 10;
/** Regions that may exist at a time; then all are dropped, and what is still hot comes back. */
const MOST_REGIONS = 16_384;

/** Translates and calls `install` with the result, at once or later. */
export type TranslationService = (hot: readonly HotRecord[]) => void;

/** A module whose regions are to be in every thread's table, from `first` on. */
export interface RegionModule { readonly module: WebAssembly.Module; readonly first: number; readonly count: number }

export class Translator {
  readonly regions: WebAssembly.Table;
  /** Without one, everything is interpreted. */
  service: TranslationService | undefined;
  /** Gives a module to the other threads, which adopt it before they run on. */
  share: (regions: RegionModule) => void = () => { /* there are none */ };
  /** Does something while no CPU runs. */
  exclusively: (work: () => void) => void = work => work();
  /** Told of what is being installed, from region `first` on; for profiles. */
  installed: (translation: Translation, first: number) => void = () => { /* nobody asks */ };
  private readonly view: DataView;
  private readonly imports: Record<string, Record<string, unknown>>;
  private hot: HotRecord[] = [];
  private used = 0;
  private waited = 0;

  /** `core` are the core's exports; `memory` is the machine's. */
  constructor(memory: WebAssembly.Memory, core: Record<string, unknown>) {
    this.view = new DataView(memory.buffer);
    this.regions = new WebAssembly.Table({ initial: MOST_REGIONS, element: 'anyfunc' });
    this.imports = { env: { memory }, core };
  }

  /** How many regions are there. */
  get count(): number { return this.used; }

  /** Called by the interpreter. */
  readonly report = (_cpu: number, record: number): void => {
    if (this.service !== undefined) this.hot.push({ record, generation: this.generationOf(record) });
  };

  /** To be called between turns: asks for a batch when enough was reported, or what was reported waits for long. */
  request(): void {
    if (this.hot.length === 0 || (this.hot.length < BATCH && ++this.waited < PATIENCE)) return;
    this.waited = 0;
    this.service?.(this.hot.splice(0, BATCH));
  }

  /** Between turns. Records whose page was written or given away meanwhile are left alone. */
  install(translation: Translation): void {
    const { module, records } = translation;
    if (this.used + records.length > MOST_REGIONS) this.exclusively(() => this.dropAll());
    const regions = { module, first: this.used, count: records.length };
    this.used += records.length;
    this.adopt(regions);
    this.share(regions);
    this.installed(translation, regions.first);
    this.exclusively(() => records.forEach(({ record, generation }, n) => {
      if (generation !== this.generationOf(record) || this.view.getUint16(record, true) < L.FIRST_HANDLER) return;
      this.view.setInt32(entryOf(record), (regions.first + n) ^ L.ENTRY_TRANSLATED, true);
    }));
  }

  /** Puts regions into this thread's table. */
  adopt({ module, first, count }: RegionModule): void {
    const { exports } = new WebAssembly.Instance(module, { ...this.imports, translator: { regions: this.regions, first } });
    for (let n = 0; n < count; n++) this.regions.set(first + n, exports[`r${n}`]);
  }

  private generationOf(record: number): number { return this.view.getInt32(slotOf(record) + L.SLOT_GENERATION, true); }

  /** Forgets all regions; places count from nothing again. */
  private dropAll(): void {
    for (let slot: number = L.CODE_POOL; slot < L.CODE_POOL + L.CODE_SLOTS * L.CODE_SLOT_BYTES; slot += L.CODE_SLOT_BYTES) {
      if (this.view.getInt32(slot + L.SLOT_HOST, true) !== 0) new Uint8Array(this.view.buffer, slot + L.SLOT_ENTRIES, 4096).fill(0);
    }
    for (let n = 0; n < this.used; n++) this.regions.set(n, null);
    this.used = 0;
  }
}

/** Where the number of a record's region is. */
export const entryOf = (record: number): number => slotOf(record) + L.SLOT_ENTRIES + (record - slotOf(record)) / 4;
