/**
 * Tables of an image (L2 tables, refcount blocks, grain tables) by where they lie in the file. The least recently used
 * clean ones go when there are too many; changed ones stay until their owner has written them, in an order that is its own.
 */
import { assert } from '../../shared/base/errors.ts';

export interface Table { readonly offset: number; readonly bytes: Buffer; dirty: boolean }

export class TableCache {
  private readonly load: (offset: number) => Promise<Buffer>;
  private readonly limit: number;
  private readonly tables = new Map<number, Table>();
  private readonly loading = new Map<number, Promise<Table>>();
  private readonly changed = new Set<Table>();

  constructor(limit: number, load: (offset: number) => Promise<Buffer>) {
    this.limit = limit;
    this.load = load;
  }

  /** Owners that change many tables are to write them when there are so many. */
  get isFullOfChanges(): boolean { return this.changed.size * 2 >= this.limit; }

  /** What is to be changed is changed at once, before anything else is awaited. */
  async get(offset: number): Promise<Table> {
    const table = this.tables.get(offset);
    if (table === undefined) return this.loading.get(offset) ?? this.fetch(offset);
    this.tables.delete(offset);
    this.tables.set(offset, table);
    return table;
  }

  private fetch(offset: number): Promise<Table> {
    const loaded = this.load(offset).then(bytes => this.insert({ offset, bytes, dirty: false })).finally(() => this.loading.delete(offset));
    this.loading.set(offset, loaded);
    return loaded;
  }

  /** A new table, to be written. */
  add(offset: number, bytes: Buffer): Table {
    const table = this.insert({ offset, bytes, dirty: false });
    this.touch(table);
    return table;
  }

  private insert(table: Table): Table {
    this.tables.set(table.offset, table);
    for (const old of this.tables.values()) {
      if (this.tables.size <= this.limit) break;
      if (!old.dirty && old !== table) this.tables.delete(old.offset);
    }
    return table;
  }

  touch(table: Table): void {
    assert(this.tables.get(table.offset) === table, 'a table that changes is the one that is kept');
    table.dirty = true;
    this.changed.add(table);
  }

  remove(offset: number): void {
    const table = this.tables.get(offset);
    if (table !== undefined) this.changed.delete(table);
    this.tables.delete(offset);
  }

  /** Gives what changed to be written. A table that cannot be written stays changed. */
  async writeBack(write: (table: Table) => Promise<void>): Promise<void> {
    for (const table of [...this.changed].sort((a, b) => a.offset - b.offset)) {
      this.changed.delete(table);
      table.dirty = false;
      try { await write(table); } catch (error) { if (this.tables.get(table.offset) === table) this.touch(table); throw error; }
    }
  }

  get hasChanges(): boolean { return this.changed.size > 0; }
}
