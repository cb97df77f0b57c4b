/**
 * Reads flattened device trees (Devicetree Specification 0.4, chapter 5), formats 16 and 17, of whatever origin: every offset and length is
 * checked, and what cannot be read is refused in one sentence. Values stay bytes; a node reads them as cells (32 bits, big-endian) or texts.
 */
import { EngineError } from '../../shared/base/errors.ts';
import { say, type Phrase } from '../../shared/base/phrase.ts';

const MAGIC = 0xd00d_feed;
const HEADER_BYTES = 36;
const BEGIN_NODE = 1, END_NODE = 2, PROP = 3, NOP = 4, END = 9;
/** Linux takes no larger ones (MAX_FDT_SIZE). */
const MOST_BYTES = 2 ** 21;
const MOST_DEPTH = 64;
const LONGEST_NAME = 255;
const NOT_PRINTABLE = /[^ -~]/g;

export class TreeNode {
  /** With its unit address; '' of the root. */
  readonly name: string;
  readonly parent: TreeNode | undefined;
  readonly properties = new Map<string, Uint8Array>();
  readonly children: TreeNode[] = [];
  private knownCompatible: readonly string[] | undefined;

  constructor(name: string, parent?: TreeNode) {
    this.name = name;
    this.parent = parent;
  }

  get path(): string { return this.parent === undefined ? '/' : `${this.parent.parent === undefined ? '' : this.parent.path}/${this.name}`; }
  /** The name without its unit address. */
  get kind(): string { return this.name.split('@')[0]!; }
  has(property: string): boolean { return this.properties.has(property); }

  /** None when the property is absent; bytes after the last whole cell do not count. */
  cells(property: string): readonly number[] {
    const bytes = this.properties.get(property);
    return bytes === undefined ? [] : cellsIn(bytes);
  }
  /** The first cell. */
  cell(property: string): number | undefined { return this.cells(property)[0]; }

  /** None when the property is absent, or is not strings. */
  texts(property: string): readonly string[] {
    const bytes = this.properties.get(property);
    return bytes === undefined ? [] : textsIn(bytes) ?? [];
  }
  text(property: string): string | undefined { return this.texts(property)[0]; }

  child(name: string): TreeNode | undefined { return this.children.find(each => each.name === name) ?? this.children.find(({ kind }) => kind === name); }
  get compatible(): readonly string[] { return this.knownCompatible ??= this.texts('compatible'); }
  isCompatible(...with_: readonly string[]): boolean { return this.compatible.some(each => with_.includes(each)); }
  get isDisabled(): boolean { const status = this.text('status'); return status !== undefined && status !== 'okay' && status !== 'ok'; }
}

export function cellsIn(bytes: Uint8Array): readonly number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return Array.from({ length: bytes.length >> 2 }, (_, n) => view.getUint32(4 * n));
}

/** The strings that a value is, if it is printable strings that each end with a zero. */
export function textsIn(bytes: Uint8Array): readonly string[] | undefined {
  if (bytes.length === 0 || bytes.at(-1) !== 0) return undefined;
  const texts = latin1(bytes.subarray(0, -1)).split('\0');
  return texts.every(text => text !== '' && text.search(NOT_PRINTABLE) < 0) ? texts : undefined;
}

const latin1 = (bytes: Uint8Array): string => new TextDecoder('latin1').decode(bytes);
const damaged = (what: Phrase, at: number) => new EngineError('device-tree.damaged', say`The device tree is damaged at byte ${at}: ${what}.`);

interface Layout { readonly structure: number; readonly structureEnd: number; readonly strings: number; readonly stringsEnd: number }

export function readTree(blob: Uint8Array): TreeNode {
  const view = new DataView(blob.buffer, blob.byteOffset, blob.length);
  return new Reader(blob, view, layoutOf(view)).root();
}

function layoutOf(view: DataView): Layout {
  if (view.byteLength < HEADER_BYTES || view.getUint32(0) !== MAGIC) throw new EngineError('device-tree.magic', 'This is not a flattened device tree: it does not begin as one.');
  const [total, structure, strings, version, oldest] = [4, 8, 12, 20, 24].map(at => view.getUint32(at)) as [number, number, number, number, number];
  if (total > MOST_BYTES) throw new EngineError('device-tree.large', say`The device tree is too large: it has more than ${MOST_BYTES / 2 ** 20} MiB.`);
  if (total > view.byteLength) throw new EngineError('device-tree.truncated', say`The device tree is truncated: ${view.byteLength} of its ${total} bytes are there.`);
  if (version < 16 || oldest > 17) throw new EngineError('device-tree.version', say`The device tree has format ${version}, which is not known.`);
  if (version >= 17 && total < HEADER_BYTES + 4) throw damaged(say`its header is too short`, 4);
  const structureEnd = version >= 17 ? structure + view.getUint32(36) : strings > structure ? strings : total, stringsEnd = strings + view.getUint32(32);
  if (structure % 4 !== 0 || structureEnd > total || structure > structureEnd) throw damaged(say`its structure lies outside`, 8);
  if (stringsEnd > total) throw damaged(say`its strings lie outside`, 12);
  return { structure, structureEnd, strings, stringsEnd };
}

class Reader {
  private readonly blob: Uint8Array;
  private readonly view: DataView;
  private readonly layout: Layout;
  private at: number;

  constructor(blob: Uint8Array, view: DataView, layout: Layout) {
    this.blob = blob;
    this.view = view;
    this.layout = layout;
    this.at = layout.structure;
  }

  root(): TreeNode {
    if (this.token() !== BEGIN_NODE) throw damaged(say`it does not begin with a node`, this.at - 4);
    this.nodeName();
    const root = this.body(new TreeNode(''), 1);
    if (this.token() !== END) throw damaged(say`something follows its root`, this.at - 4);
    return root;
  }

  private body(node: TreeNode, depth: number): TreeNode {
    for (;;) {
      switch (this.token()) {
        case PROP: this.property(node); break;
        case BEGIN_NODE: {
          if (depth >= MOST_DEPTH) throw new EngineError('device-tree.deep', say`The device tree is too deep: its nodes are in one another more than ${MOST_DEPTH} times.`);
          node.children.push(this.body(new TreeNode(this.nodeName(), node), depth + 1));
          break;
        }
        case END_NODE: return node;
        default: throw damaged(say`there is no such token`, this.at - 4);
      }
    }
  }

  private property(node: TreeNode): void {
    const length = this.word(), nameAt = this.layout.strings + this.word();
    if (length > this.layout.structureEnd - this.at) throw damaged(say`a property is longer than what is left`, this.at);
    if (nameAt >= this.layout.stringsEnd) throw damaged(say`the name of a property lies outside`, this.at);
    const name = this.textAt(nameAt, this.layout.stringsEnd).replace(NOT_PRINTABLE, '?');
    // The first of several counts, as it does for Linux.
    if (!node.properties.has(name)) node.properties.set(name, this.blob.subarray(this.at, this.at + length));
    this.skip(length);
  }

  private nodeName(): string {
    const name = this.textAt(this.at, this.layout.structureEnd);
    this.skip(name.length + 1);
    return name.replace(/[^!-.0-~]/g, '?');
  }

  private textAt(start: number, limit: number): string {
    const end = this.blob.subarray(start, Math.min(limit, start + LONGEST_NAME + 1)).indexOf(0);
    if (end < 0) throw damaged(say`a name does not end`, start);
    return latin1(this.blob.subarray(start, start + end));
  }

  private skip(bytes: number): void { this.at += Math.ceil(bytes / 4) * 4; }

  private token(): number {
    let token;
    do token = this.word(); while (token === NOP);
    return token;
  }

  private word(): number {
    if (this.at + 4 > this.layout.structureEnd) throw damaged(say`it ends too early`, this.at);
    this.at += 4;
    return this.view.getUint32(this.at - 4);
  }
}
