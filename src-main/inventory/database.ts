/**
 * The inventory's file: objects, tasks and events, in SQLite with WAL and synchronous=FULL, so that what was
 * committed survives a kill at any moment. The connection holds SQLite's exclusive lock, which the system frees when
 * the process dies: one engine for each data folder. Runs in a worker (store-worker.ts); every method blocks.
 */
import { existsSync } from 'node:fs';
import { DatabaseSync, type SQLOutputValue } from 'node:sqlite';
import { EngineError, messageOf } from '../../shared/base/errors.ts';
import type { EventId } from '../../shared/base/ids.ts';
import { say, type Phrase } from '../../shared/base/phrase.ts';
import type { Page } from '../../shared/api/engine-api.ts';
import type { InventoryEvent } from '../../shared/model/event.ts';
import type { InventoryObject, ObjectId } from '../../shared/model/objects.ts';
import type { ObjectRef, Task, TaskFilter } from '../../shared/model/task.ts';
import { UPGRADES } from './schema.ts';

/** "Qdck": marks the file as ours (PRAGMA application_id). */
const APPLICATION_ID = 0x5164636b;
/** How long to wait for an engine that is just ending. */
const LOCK_WAIT_MS = 2000;

export type NewEvent = Omit<InventoryEvent, 'id'>;

/** One part of a commit. */
export type Write =
  | { readonly kind: 'object'; readonly after: InventoryObject }
  | { readonly kind: 'objectRemoved'; readonly id: ObjectId }
  | { readonly kind: 'task'; readonly after: Task }
  | { readonly kind: 'event'; readonly event: NewEvent };

export interface Contents { readonly objects: readonly InventoryObject[]; readonly unfinished: readonly Task[] }
export interface EventQuery { readonly limit: number; readonly before?: string | undefined; readonly target?: ObjectRef | undefined }

export class InventoryDatabase {
  private readonly db: DatabaseSync;

  /** Opens or makes the file; throws an `EngineError`, and leaves the file as it is, when it cannot be used. */
  constructor(path: string) {
    if (existsSync(path)) explaining(path, () => check(path));
    this.db = explaining(path, () => open(path));
    explaining(path, () => this.upgrade());
  }

  contents(): Contents {
    return {
      objects: this.db.prepare('SELECT kind, body FROM objects ORDER BY rowid').all().map(({ kind, body }) => ({ kind, object: JSON.parse(String(body)) as unknown }) as InventoryObject),
      unfinished: this.bodies<Task>('SELECT body FROM tasks WHERE finished = 0 ORDER BY seq'),
    };
  }

  /** All of the writes or none; they are on disk when this returns. Gives the ids of the events among them, in order. */
  commit(writes: readonly Write[]): EventId[] {
    return this.transaction(() => writes.flatMap(write => this.write(write)));
  }

  /** Newest first. */
  tasks(limit: number, before?: string, { target, states, sinceMs }: TaskFilter = {}): Page<Task> {
    const conditions = [
      target && target.kind !== 'root' && { sql: "body ->> '$.target.kind' = ? AND body ->> '$.target.id' = ?", values: [target.kind, target.id] },
      states && { sql: `body ->> '$.state' IN (${states.map(() => '?').join(', ')})`, values: states }, sinceMs !== undefined && { sql: "body ->> '$.queuedMs' >= ?", values: [sinceMs] },
    ].filter(each => typeof each === 'object');
    const rows = this.db.prepare(`SELECT seq, body FROM tasks WHERE seq < ? ${conditions.map(({ sql }) => `AND ${sql}`).join(' ')} ORDER BY seq DESC LIMIT ?`).all(cursor(before), ...conditions.flatMap(({ values }) => [...values]), limit + 1);
    return page(rows.map(({ seq, body }) => ({ at: Number(seq), row: JSON.parse(String(body)) as Task })), limit);
  }

  task(id: string): Task | undefined {
    return this.bodies<Task>('SELECT body FROM tasks WHERE id = ?', id)[0];
  }

  /** Newest first. */
  events({ limit, before, target }: EventQuery): Page<InventoryEvent> {
    const where = target ? 'AND target_kind = ? AND target_id = ?' : '';
    const rows = this.db.prepare(`SELECT * FROM events WHERE id < ? ${where} ORDER BY id DESC LIMIT ?`)
      .all(cursor(before), ...(target ? [target.kind, target.id] : []), limit + 1);
    return page(rows.map(row => ({ at: Number(row.id), row: eventOf(row) })), limit);
  }

  close(): void { this.db.close(); }

  private write(write: Write): EventId[] {
    switch (write.kind) {
      case 'object': this.put(write.after); return [];
      case 'objectRemoved': this.db.prepare('DELETE FROM objects WHERE kind = ? AND id = ?').run(write.id.kind, write.id.id); return [];
      case 'task': this.putTask(write.after); return [];
      case 'event': return [this.addEvent(write.event)];
      default: return write satisfies never;
    }
  }

  private put({ kind, object }: InventoryObject): void {
    this.db.prepare('INSERT INTO objects (kind, id, body) VALUES (?, ?, ?) ON CONFLICT (kind, id) DO UPDATE SET body = excluded.body').run(kind, object.id, JSON.stringify(object));
  }

  private putTask(task: Task): void {
    this.db.prepare('INSERT INTO tasks (id, finished, body) VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET finished = excluded.finished, body = excluded.body')
      .run(task.id, task.completedMs === undefined ? 0 : 1, JSON.stringify(task));
  }

  private addEvent({ atMs, severity, type, message, phrase, target }: NewEvent): EventId {
    const { lastInsertRowid } = this.db.prepare('INSERT INTO events (at_ms, severity, type, message, phrase, target_kind, target_id, target_name) VALUES (?, ?, ?, ?, ?, ?, ?, ?)')
      .run(atMs, severity, type, message, phrase === undefined ? null : JSON.stringify(phrase), target.kind, target.id, target.name);
    return Number(lastInsertRowid) as EventId;
  }

  private bodies<T>(query: string, ...parameters: string[]): T[] {
    return this.db.prepare(query).all(...parameters).map(({ body }) => JSON.parse(String(body)) as T);
  }

  private upgrade(): void {
    const from = versionOf(this.db);
    if (from === UPGRADES.length) return;
    this.transaction(() => {
      for (const step of UPGRADES.slice(from)) this.db.exec(step);
      this.db.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${UPGRADES.length}`);
    });
  }

  private transaction<T>(body: () => T): T {
    this.db.exec('BEGIN IMMEDIATE');
    try {
      const result = body();
      this.db.exec('COMMIT');
      return result;
    } catch (error) {
      if (this.db.isTransaction) this.db.exec('ROLLBACK');
      throw new EngineError('not-saved', say`The inventory could not be saved: ${messageOf(error)}.`);
    }
  }
}

function open(path: string): DatabaseSync {
  const db = new DatabaseSync(path, { timeout: LOCK_WAIT_MS });
  try {
    db.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
    // The lock is taken at the first write transaction and then kept.
    db.exec('BEGIN IMMEDIATE; COMMIT');
    return db;
  } catch (error) { db.close(); throw error; }
}

/** Looks without writing: a file that is not ours, damaged or newer is not opened for writing at all. */
function check(path: string): void {
  const db = new DatabaseSync(path, { readOnly: true, timeout: LOCK_WAIT_MS });
  try {
    const version = versionOf(db);
    const ours = db.prepare('PRAGMA application_id').get()?.application_id === APPLICATION_ID;
    if (!ours && (version !== 0 || hasTables(db))) throw new EngineError('not-ours', say`${path} is not a Quarterdeck inventory.`);
    if (version > UPGRADES.length) throw new EngineError('newer', say`${path} was written by a newer version of Quarterdeck (format ${version}; this version knows ${UPGRADES.length}).`);
    const health = db.prepare('PRAGMA quick_check(1)').get()?.quick_check;
    if (health !== 'ok') throw damaged(path, String(health));
  } finally { db.close(); }
}

const versionOf = (db: DatabaseSync): number => Number(db.prepare('PRAGMA user_version').get()?.user_version);
const hasTables = (db: DatabaseSync): boolean => db.prepare('SELECT 1 FROM sqlite_schema').get() !== undefined;

const SQLITE_BUSY = 5, SQLITE_CORRUPT = 11, SQLITE_NOTADB = 26;

/** Makes a sentence of what SQLite throws. */
function explaining<T>(path: string, use: () => T): T {
  try { return use(); } catch (error) {
    if (error instanceof EngineError) throw error;
    const code = (error as { errcode?: number }).errcode ?? 0;
    if ((code & 0xff) === SQLITE_BUSY) throw new EngineError('in-use', say`Another Quarterdeck engine is using ${path}.`);
    if (code === SQLITE_CORRUPT || code === SQLITE_NOTADB) throw damaged(path, messageOf(error));
    throw new EngineError('not-opened', say`The inventory ${path} cannot be opened: ${messageOf(error)}.`);
  }
}

function damaged(path: string, why: string): EngineError {
  return new EngineError('damaged', say`The inventory ${path} is damaged (${why}). It was left as it is; move it away or restore a copy.`);
}

const cursor = (before: string | undefined): number => (before === undefined ? Number.MAX_SAFE_INTEGER : Number(before));

/** `rows` has one more than `limit` when there is a next page. */
function page<T>(rows: readonly { at: number; row: T }[], limit: number): Page<T> {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  return { rows: shown.map(({ row }) => row), ...(rows.length > limit && last && { next: String(last.at) }) };
}

function eventOf(row: Record<string, SQLOutputValue>): InventoryEvent {
  return {
    id: Number(row.id) as EventId, atMs: Number(row.at_ms), severity: row.severity as InventoryEvent['severity'], type: String(row.type), message: String(row.message),
    ...(typeof row.phrase === 'string' && { phrase: JSON.parse(row.phrase) as Phrase }), target: { kind: row.target_kind, id: row.target_id, name: row.target_name } as ObjectRef,
  };
}
