/** What is wrong with an image, in sentences. */
import { assert, EngineError } from '../../shared/base/errors.ts';
import { say, type Phrase } from '../../shared/base/phrase.ts';
import type { BlockBackend } from './block-backend.ts';

export const damaged = (path: string, what: Phrase): EngineError => new EngineError('disk.damaged', say`The disk image ${path} is damaged: ${what}.`);

/** A valid image that needs something we do not have. */
export const unsupported = (path: string, what: Phrase): EngineError => new EngineError('disk.unsupported', say`The disk image ${path} cannot be opened: ${what}.`);

export const writeRefused = (path: string): EngineError => new EngineError('disk.readOnly', say`The disk image ${path} is open for reading only.`);

export function assertInside(image: Pick<BlockBackend, 'sizeBytes'>, offset: number, length: number): void {
  assert(offset >= 0 && length >= 0 && offset + length <= image.sizeBytes, 'a request lies within its image');
}
