/**
 * What a file system is to the firmware, and what can go wrong, in sentences with codes that firmware turns into its own. Times are
 * milliseconds since 1970; a file system without time zones has them as if it were UTC, and 0 where it has none.
 */
import { EngineError } from '../../../shared/base/errors.ts';
import { say, type Phrase } from '../../../shared/base/phrase.ts';

export interface FileInfo {
  readonly name: string;
  readonly directory: boolean;
  readonly bytes: number;
  readonly readOnly: boolean; readonly hidden: boolean; readonly system: boolean; readonly archive: boolean;
  readonly createdMs: number; readonly accessedMs: number; readonly modifiedMs: number;
}

/** `bytes` cuts a file short or fills it up with zeroes; `name` renames within the directory, and `path` is a new place, name included. */
export type FileChange = Partial<Omit<FileInfo, 'directory'> & { readonly path: readonly string[] }>;

/** From the root, which is []. Never with . or .. in it. */
export type Path = readonly string[];

/**
 * A file system. Names are compared as the file system compares them (FAT: without case). Nothing is open between calls, each of which leaves the disk
 * in order, and calls take turns. Attributes are kept and change nothing here: whether a file that is read-only may be written is the caller's to say.
 */
export interface Volume {
  readonly kind: 'fat12' | 'fat16' | 'fat32' | 'iso9660';
  readonly label: string;
  readonly readOnly: boolean;
  readonly totalBytes: number;
  readonly blockBytes: number;
  freeBytes(): Promise<number>;
  stat(path: Path): Promise<FileInfo | undefined>;
  list(path: Path): Promise<readonly FileInfo[]>;
  /** Short at the end. */
  read(path: Path, offset: number, length: number): Promise<Uint8Array>;
  /** Grows the file; a gap is filled with zeroes. */
  write(path: Path, offset: number, bytes: Uint8Array): Promise<void>;
  create(path: Path, directory: boolean): Promise<void>;
  /** A directory only when it is empty. */
  remove(path: Path): Promise<void>;
  setInfo(path: Path, change: FileChange): Promise<void>;
  setLabel(label: string): Promise<void>;
  flush(): Promise<void>;
  /** Drops what is remembered of the disk, which others may have written since. */
  forget(): void;
}

export type VolumeProblem = 'notFound' | 'exists' | 'notADirectory' | 'isADirectory' | 'notEmpty' | 'root' | 'intoItself' | 'name' | 'tooLarge' | 'full' | 'readOnly' | 'damaged';

const problem = (code: VolumeProblem, sentence: Phrase) => new EngineError(`volume.${code}`, sentence);
const text = (path: Path) => path.join('\\');

export const notFound = (path: Path): EngineError => problem('notFound', say`The volume has no file ${text(path)}.`);
export const exists = (path: Path): EngineError => problem('exists', say`The volume has a file ${text(path)} already.`);
export const notADirectory = (path: Path): EngineError => problem('notADirectory', say`The file ${text(path)} is no directory.`);
export const isADirectory = (path: Path): EngineError => problem('isADirectory', say`The file ${text(path)} is a directory.`);
export const notEmpty = (path: Path): EngineError => problem('notEmpty', say`The directory ${text(path)} is not empty.`);
export const isRoot = (): EngineError => problem('root', say`The root directory of a volume stays as it is.`);
export const intoItself = (path: Path): EngineError => problem('intoItself', say`The directory ${text(path)} cannot be moved into itself.`);
export const badName = (name: string): EngineError => problem('name', say`No file on this volume can have the name "${name}".`);
export const badLabel = (label: string): EngineError => problem('name', say`This volume cannot have the label "${label}".`);
export const tooLarge = (path: Path): EngineError => problem('tooLarge', say`The file ${text(path)} would become too large for this volume.`);
export const volumeFull = (): EngineError => problem('full', say`The volume is full.`);
export const directoryFull = (): EngineError => problem('full', say`The directory has no room for another file.`);
export const volumeReadOnly = (): EngineError => problem('readOnly', say`The volume is read-only.`);
export const volumeDamaged = (what: Phrase): EngineError => problem('damaged', say`The file system is damaged: ${what}.`);

export const isDamage = (error: unknown): boolean => error instanceof EngineError && error.code === 'volume.damaged';
