/** Lays out random code: words at addresses, and branches to labels that may come later. */
import { EngineError } from '../../../shared/base/errors.ts';
import { assemble, decode } from '../asm/assembler.ts';

export interface Label { at: number | undefined }

const wordsOfText = new Map<string, readonly number[]>();

function assembled(text: string): readonly number[] {
  let words = wordsOfText.get(text);
  if (words === undefined) wordsOfText.set(text, words = [...new Uint32Array(assemble(text).buffer)]);
  return words;
}

export class CodeBuilder {
  at = 0;
  readonly words = new Map<number, number>();
  private readonly references: { readonly at: number; readonly to: Label }[] = [];

  word(word: number): void {
    this.words.set(this.at, word >>> 0);
    this.at += 4;
  }

  /** Instructions without labels, one a line. */
  text(lines: string): void { for (const word of assembled(lines)) this.word(word); }

  /** A branch or ADR, given as to address 0, that is to reach a label. */
  to(to: Label, text: string): void {
    this.references.push({ at: this.at, to });
    this.text(`${text} 0`);
  }

  mark(label: Label): void { label.at = this.at; }
  here(): Label { return { at: this.at }; }

  /** When every label has its place. */
  link(): ReadonlyMap<number, number> {
    for (const { at, to } of this.references) {
      if (to.at === undefined) throw new EngineError('fuzz', `The label of the branch at 0x${at.toString(16)} is nowhere.`);
      this.words.set(at, reaching(this.words.get(at) ?? 0, to.at - at));
    }
    return this.words;
  }
}

/** The word with its displacement. */
function reaching(word: number, bytes: number): number {
  const name = decode(word)?.name ?? '', by = bytes >> 2;
  if (name === 'ADR') return (word | (bytes & 3) << 29 | ((bytes >> 2) & 0x7ffff) << 5) >>> 0;
  if (name === 'B' || name === 'BL') return (word | (by & 0x3ff_ffff)) >>> 0;
  return (word | (name.startsWith('TB') ? (by & 0x3fff) << 5 : (by & 0x7ffff) << 5)) >>> 0;
}
