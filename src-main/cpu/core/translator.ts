/**
 * Keeps the translated regions of one machine. The interpreter reports records that were reached often; they are
 * translated elsewhere, and installed between turns as the entries of their places. When a page is written its entries
 * are cleared and its generation counts up, so that no translation outlives its code.
 */
import * as L from '../layout.ts';
import { entryOf, placeOf, slotOf } from './code-slots.ts';
import type { HotRecord, Translation } from './translation.ts';

/**
 * Regions that may exist at a time: code for them takes some 20 KiB each. They are numbered around; a new module takes
 * the place of the oldest ones, whose regions come back if they are still hot.
 */
const MOST_REGIONS = 4096;

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
  /** Since the machine was made. */
  readonly made = { made: 0, ms: 0 };
  private readonly view: DataView;
  private readonly imports: Record<string, Record<string, unknown>>;
  private hot: HotRecord[] = [];
  /** What regions take in, by the slot of its page. */
  private readonly covered = new Map<number, Coverage>();
  private modules: Installed[] = [];
  private next = 0;

  /** `core` are the core's exports; `memory` is the machine's. */
  constructor(memory: WebAssembly.Memory, core: Record<string, unknown>) {
    this.view = new DataView(memory.buffer);
    this.regions = new WebAssembly.Table({ initial: MOST_REGIONS, element: 'anyfunc' });
    this.imports = { env: { memory }, core };
  }

  /** How many regions are there. */
  get count(): number { return this.modules.reduce((sum, { count }) => sum + count, 0); }

  /** Called by the interpreter. */
  readonly report = (_cpu: number, record: number): void => {
    if (this.service !== undefined) this.hot.push({ record, generation: this.generationOf(record) });
  };

  /** To be called between turns: passes on what was reported. */
  request(): void {
    if (this.hot.length > 0) this.service?.(this.hot.splice(0));
  }

  /**
   * Those of hot records that are to be translated. Where a region that is there takes a place in, control mostly
   * comes to it by that region from now on, so the place counts from nothing again; the second time it is translated.
   */
  due(hot: readonly HotRecord[]): HotRecord[] {
    return hot.filter((h) => {
      const slot = slotOf(h.record), coverage = this.covered.get(slot), place = placeOf(h.record);
      if (coverage === undefined || coverage.generation !== h.generation || coverage.places[place] === 0) return true;
      coverage.places[place] = 0;
      this.countAgain(h);
      return false;
    });
  }

  private countAgain(h: HotRecord): void {
    const entry = entryOf(h.record);
    if (h.generation === this.generationOf(h.record) && this.view.getInt32(entry, true) > 0) this.view.setInt32(entry, 0, true);
  }

  private cover({ record, generation }: HotRecord, ranges: readonly number[]): void {
    const slot = slotOf(record);
    let coverage = this.covered.get(slot);
    if (coverage?.generation !== generation) this.covered.set(slot, coverage = { generation, places: new Uint8Array(L.SLOT_SENTINEL / L.RECORD_BYTES) });
    for (let n = 0; n < ranges.length; n += 2) coverage.places.fill(1, (ranges[n] as number) / 4, (ranges[n + 1] as number) / 4);
  }

  /** Between turns. Records whose page was written or given away meanwhile are left alone. */
  install(translation: Translation): void {
    const { module, records, cost } = translation;
    this.made.made += records.length;
    this.made.ms += cost.ms + cost.compileMs;
    records.forEach((record, n) => this.cover(record, translation.regions[n] ?? []));
    for (const record of translation.covered) this.countAgain(record);
    const first = this.next + records.length > MOST_REGIONS ? 0 : this.next, regions = { module, first, count: records.length };
    this.next = first + records.length;
    const [before, evicted] = [this.modules.filter(m => !overlap(m, regions)), this.modules.filter(m => overlap(m, regions))];
    if (evicted.length > 0) this.exclusively(() => { for (const m of evicted) this.evict(m); });
    this.modules = [...before, { first, count: records.length, records }];
    this.adopt(regions);
    this.share(regions);
    this.installed(translation, regions.first);
    this.exclusively(() => records.forEach(({ record, generation }, n) => {
      if (generation !== this.generationOf(record) || this.view.getUint16(record, true) < L.FIRST_HANDLER) return;
      this.view.setInt32(entryOf(record), (first + n) ^ L.ENTRY_TRANSLATED, true);
    }));
  }

  /** Its places count from nothing again. */
  private evict({ first, count, records }: Installed): void {
    records.forEach(({ record }, n) => {
      if (this.view.getInt32(entryOf(record), true) === ((first + n) ^ L.ENTRY_TRANSLATED)) this.view.setInt32(entryOf(record), 0, true);
    });
    for (let n = first; n < first + count; n++) this.regions.set(n, null);
  }

  /** Puts regions into this thread's table. */
  adopt({ module, first, count }: RegionModule): void {
    const { exports } = new WebAssembly.Instance(module, { ...this.imports, translator: { regions: this.regions, first } });
    for (let n = 0; n < count; n++) this.regions.set(first + n, exports[`r${n}`]);
  }

  private generationOf(record: number): number { return this.view.getInt32(slotOf(record) + L.SLOT_GENERATION, true); }
}

/** `places` has 1 for each instruction of the page that a region takes in. */
interface Coverage { readonly generation: number; readonly places: Uint8Array }

interface Installed { readonly first: number; readonly count: number; readonly records: readonly HotRecord[] }

const overlap = (a: { first: number; count: number }, b: { first: number; count: number }): boolean => a.first < b.first + b.count && b.first < a.first + a.count;
