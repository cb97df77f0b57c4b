/**
 * Where a VM's time goes: collects its vCPUs' samples, and knows which translated region each of them lies in. What ran
 * is told apart by its place in memory and its instruction, so that pages which come to hold other code are no trouble.
 */
import type { Machine } from '../cpu/core/machine.ts';
import { entryOf, slotOf } from '../cpu/core/code-slots.ts';
import type { Translation } from '../cpu/core/translation.ts';
import * as L from '../cpu/layout.ts';
import { hostNowNs } from '../time/host-time.ts';
import { SampleQueue, Sampler, type Sample } from './sampler.ts';

/** Of a launch that wants a profile. */
export interface ProfileOptions {
  /** How many of the hottest regions are listed. */
  readonly regions: number;
}

/** What was spent somewhere: host time in ns, which is what it costs, and instructions. */
export interface Spent { readonly ns: number; readonly instructions: number }

/** An instruction of a listing, and what was spent by the samples that were taken at it. */
export interface ListedInstruction extends Spent { readonly address: bigint; readonly word: number }

/** A translated region; or interpreted instructions near each other. */
export interface HotRegion extends Spent {
  /** Virtual; of the region's entry, or of the first instruction that was sampled. */
  readonly address: bigint;
  readonly el: number;
  /** Instructions of the translated region, if it is one. */
  readonly translated: number | undefined;
  /** Part of the time in which it was interpreted, 0 to 1. */
  readonly interpreted: number;
  /** The hottest instructions with what is around them, by address. */
  readonly listing: readonly ListedInstruction[];
}

export interface VmProfile {
  /** Host time since power-on, in seconds. */
  readonly seconds: number;
  readonly cpus: readonly { readonly instructions: number; readonly runningNs: number }[];
  readonly samples: number;
  readonly translated: Spent;
  readonly interpreted: Spent;
  /** By exception level. */
  readonly levels: readonly Spent[];
  readonly hottest: readonly HotRegion[];
  /** What the translator made. `ms` are its own, `compileMs` those of the host's WebAssembly engine before a module can run. */
  readonly translator: { readonly modules: number; readonly regions: number; readonly instructions: number; readonly bytes: number; readonly ms: number; readonly compileMs: number; readonly present: number };
  readonly exits: Readonly<Record<string, number>>;
  readonly guestErrors: number;
}

const PAGE_BYTES = 4096;
/** Of a listing, in instructions: what is shown before and behind a sampled one, at least and, where there are few of them, at most. */
const BEFORE = 1, BEHIND = 5, FAR_BEHIND = 14, MOST_LINES = 16;
/** Interpreted instructions at most this far from each other, in bytes, are one region. */
const NEAR = 64;

class Spending implements Spent {
  ns = 0;
  instructions = 0;
  add(spent: Spent): void {
    this.ns += spent.ns;
    this.instructions += spent.instructions;
  }
  get plain(): Spent { return { ns: this.ns, instructions: this.instructions }; }
}

/** A region since it was first installed; it may be installed again. */
interface Region {
  readonly host: number;
  record: number;
  number: number;
  ranges: readonly number[];
}

/** An instruction at which samples were taken. */
interface Place {
  readonly host: number;
  readonly word: number;
  /** The words around it, when it was first sampled, and where they begin. */
  readonly words: Uint32Array;
  readonly wordsAt: number;
  readonly spent: Spending;
  readonly interpreted: Spending;
  /** As last seen. */
  pc: bigint;
  el: number;
  region: Region | undefined;
}

export class Profiler {
  private readonly machine: Machine;
  private readonly options: ProfileOptions;
  private readonly queues: readonly SampleQueue[];
  private readonly samplers: readonly Sampler[];
  private readonly startedNs = hostNowNs();
  private readonly cpus: { retired: number; readonly spent: Spending }[];
  private readonly translated = new Spending();
  private readonly interpreted = new Spending();
  private readonly levels = [new Spending(), new Spending()];
  /** By their place in memory, or by their address where there is none: one for each instruction that was there. */
  private readonly places = new Map<number | bigint, Place[]>();
  private readonly regions = new Map<string, Region>();
  /** Regions by the address of their page, in the order in which they came. */
  private readonly inPage = new Map<number, Region[]>();
  private readonly made = { modules: 0, regions: 0, instructions: 0, bytes: 0, ms: 0, compileMs: 0 };
  private samples = 0;

  constructor(machine: Machine, options: ProfileOptions) {
    this.machine = machine;
    this.options = options;
    this.queues = machine.cpus.map(() => new SampleQueue());
    this.samplers = machine.cpus.map((cpu, n) => new Sampler(cpu, this.queues[n] as SampleQueue));
    this.cpus = machine.cpus.map(() => ({ retired: 0, spent: new Spending() }));
    machine.translator.installed = (translation, first) => this.installed(translation, first);
  }

  /** Of a CPU that the VM's own thread runs. */
  samplerOf(cpu: number): Sampler { return this.samplers[cpu] as Sampler; }
  /** Where the thread of a CPU leaves its samples. */
  samplesOf(cpu: number): SharedArrayBuffer { return (this.queues[cpu] as SampleQueue).buffer; }

  /** A CPU is about to count its instructions anew. */
  resets(cpu: number): void { (this.cpus[cpu] as { retired: number }).retired += this.machine.cpus[cpu]?.retired ?? 0; }

  private installed({ records, regions, cost }: Translation, first: number): void {
    records.forEach(({ record }, n) => {
      const host = this.hostOf(record), key = this.keyOf(host), ranges = regions[n] ?? [], known = this.regions.get(key);
      this.made.instructions += lengthOf(ranges);
      if (known !== undefined) { Object.assign(known, { record, number: first + n, ranges }); return; }
      const region = { host, record, number: first + n, ranges }, page = pageOf(host), others = this.inPage.get(page);
      this.regions.set(key, region);
      if (others === undefined) this.inPage.set(page, [region]);
      else others.push(region);
    });
    this.made.modules += 1;
    this.made.regions += records.length;
    this.made.bytes += cost.bytes;
    this.made.ms += cost.ms;
    this.made.compileMs += cost.compileMs;
  }

  private hostOf(record: number): number {
    const slot = slotOf(record);
    return (this.machine.view.getInt32(slot + L.SLOT_HOST, true) >>> 0) + (record - slot) / 4;
  }

  private keyOf(host: number): string { return `${host} ${this.machine.view.getUint32(host, true)}`; }

  /** Takes what vCPUs sampled since the last time. */
  collect(): void {
    this.queues.forEach((queue, cpu) => {
      for (let sample = queue.shift(); sample !== undefined; sample = queue.shift()) this.add(sample, cpu);
    });
  }

  private add(sample: Sample, cpu: number): void {
    const place = this.placeOf(sample), region = this.regionOf(sample.host);
    this.samples += 1;
    place.pc = sample.pc;
    place.el = sample.el;
    place.region = region ?? place.region;
    place.spent.add(sample);
    if (region === undefined) place.interpreted.add(sample);
    (region === undefined ? this.interpreted : this.translated).add(sample);
    this.levels[sample.el]?.add(sample);
    this.cpus[cpu]?.spent.add(sample);
  }

  private placeOf({ host, pc, el }: Sample): Place {
    const key = host === 0 ? pc : host, word = host === 0 ? 0 : this.machine.view.getUint32(host, true), here = this.places.get(key);
    let place = here?.find(p => p.word === word);
    if (place === undefined) {
      const from = Math.max(pageOf(host), host - 4 * BEFORE), to = Math.min(pageOf(host) + PAGE_BYTES, host + 4 * (FAR_BEHIND + 1));
      const words = Uint32Array.from({ length: host === 0 ? 0 : (to - from) / 4 }, (_, n) => this.machine.view.getUint32(from + 4 * n, true));
      place = { host, word, words, wordsAt: from, spent: new Spending(), interpreted: new Spending(), pc, el, region: undefined };
      if (here === undefined) this.places.set(key, [place]);
      else here.push(place);
    }
    return place;
  }

  /** The oldest region that is installed and has this instruction. */
  private regionOf(host: number): Region | undefined {
    const offset = host - pageOf(host);
    return this.inPage.get(pageOf(host))?.find(region => covers(region.ranges, offset) && this.machine.view.getInt32(entryOf(region.record), true) === (region.number ^ L.ENTRY_TRANSLATED));
  }

  /** Of all that was collected. The VM is paused, or has one thread. */
  profile(exits: Readonly<Record<string, number>>, guestErrors: number): VmProfile {
    this.collect();
    return {
      seconds: (hostNowNs() - this.startedNs) / 1e9, samples: this.samples, exits, guestErrors,
      cpus: this.cpus.map(({ retired, spent }, n) => ({ instructions: retired + (this.machine.cpus[n]?.retired ?? 0), runningNs: spent.ns })),
      translated: this.translated.plain, interpreted: this.interpreted.plain, levels: this.levels.map(l => l.plain),
      hottest: this.groups().map(hotRegion).sort((a, b) => b.ns - a.ns).slice(0, this.options.regions),
      translator: { ...this.made, present: this.machine.translator.count },
    };
  }

  /** Places of one region, or interpreted ones near each other, the hottest first. */
  private groups(): Place[][] {
    const translated = new Map<Region, Place[]>(), near: Place[][] = [];
    let last: Place | undefined;
    for (const place of [...this.places.values()].flat().sort((a, b) => a.host - b.host)) {
      const group = place.region === undefined ? near.at(-1) : translated.get(place.region);
      if (place.region !== undefined) {
        if (group === undefined) translated.set(place.region, [place]);
        else group.push(place);
        continue;
      }
      if (group !== undefined && last !== undefined && areNear(last, place)) group.push(place);
      else near.push([place]);
      last = place;
    }
    return [...translated.values(), ...near].map(group => group.sort((a, b) => b.spent.ns - a.spent.ns));
  }
}

const pageOf = (host: number): number => host - host % PAGE_BYTES;
const covers = (ranges: readonly number[], offset: number): boolean => ranges.some((end, n) => n % 2 === 1 && offset < end && offset >= (ranges[n - 1] as number));
const lengthOf = (ranges: readonly number[]): number => ranges.reduce((sum, at, n) => sum + (n % 2 === 1 ? at : -at), 0) / 4;
const areNear = (a: Place, b: Place): boolean => a.host !== 0 && a.el === b.el && b.host - a.host <= NEAR && pageOf(a.host) === pageOf(b.host);

/** `places` are those of one region, the hottest first. */
function hotRegion(places: readonly Place[]): HotRegion {
  const spent = new Spending(), interpreted = new Spending(), [hottest] = places as readonly [Place, ...Place[]];
  for (const place of places) {
    spent.add(place.spent);
    interpreted.add(place.interpreted);
  }
  const addressOf = (host: number) => hottest.pc + BigInt(host - hottest.host);
  return {
    ...spent.plain, el: hottest.el, address: addressOf(hottest.region?.host ?? Math.min(...places.map(p => p.host))),
    translated: hottest.region && lengthOf(hottest.region.ranges), interpreted: interpreted.ns / Math.max(1, spent.ns),
    listing: listing(places).map(({ host, word, ...rest }) => ({ address: addressOf(host), word, ...rest })),
  };
}

/** As many of the places as go into a listing, with what is around them. */
function listing(places: readonly Place[]): (Spent & { host: number; word: number })[] {
  const lines = new Map<number, { host: number; word: number; spent: Spending }>();
  const missing = ({ host, words, wordsAt }: Place, behind: number) => [...words].map((word, n) => ({ host: wordsAt + 4 * n, word, spent: new Spending() }))
    .filter(line => line.host <= host + 4 * behind && !lines.has(line.host));
  for (const place of places) {
    const added = missing(place, BEHIND);
    if (lines.size + added.length <= MOST_LINES) for (const line of added) lines.set(line.host, line);
  }
  for (const place of places) for (const line of missing(place, FAR_BEHIND).slice(0, MOST_LINES - lines.size)) lines.set(line.host, line);
  for (const { host, spent } of places) lines.get(host)?.spent.add(spent);
  return [...lines.values()].sort((a, b) => a.host - b.host).map(({ host, word, spent }) => ({ host, word, ...spent.plain }));
}
