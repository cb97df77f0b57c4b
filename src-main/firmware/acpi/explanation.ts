/** Gathers what became of each node of a device tree while it is converted: in which tables it is, and why it is not. */
import { english, phraseOf, type Said } from '../../../shared/base/phrase.ts';
import type { Became, NodeExplanation, NodeFate } from '../../../shared/model/firmware-tables.ts';
import type { TreeNode } from '../fdt-reader.ts';

interface Entry { fate: NodeFate | undefined; readonly became: Became[]; readonly notes: Said[] }

export class Explanations {
  private readonly entries = new Map<TreeNode, Entry>();

  became(node: TreeNode, ...became: readonly Became[]): void {
    this.of(node).fate = 'converted';
    this.add(node, became);
  }

  partOf(node: TreeNode, ...became: readonly Became[]): void {
    const entry = this.of(node);
    if (entry.fate === undefined || entry.fate === 'left-out') entry.fate = 'part';
    this.add(node, became);
  }

  /** What was said first of a node's fate stays. */
  fate(node: TreeNode, fate: NodeFate, ...notes: readonly Said[]): void {
    this.of(node).fate ??= fate;
    this.note(node, ...notes);
  }

  note(node: TreeNode, ...notes: readonly Said[]): void {
    const { notes: known } = this.of(node);
    for (const note of notes) if (!known.some(each => english(each) === english(note))) known.push(note);
  }

  isSaid(node: TreeNode): boolean { return this.entries.get(node)?.fate !== undefined; }

  tree(node: TreeNode): NodeExplanation {
    const { fate = 'left-out', became, notes } = this.of(node);
    return { path: node.path, name: node.name === '' ? '/' : node.name, compatible: node.compatible, fate, became, notes: notes.map(phraseOf), children: node.children.map(child => this.tree(child)) };
  }

  private add(node: TreeNode, became: readonly Became[]): void {
    const { became: known } = this.of(node);
    for (const one of became) if (!known.some(({ table, object }) => table === one.table && object === one.object)) known.push(one);
  }

  private of(node: TreeNode): Entry {
    const entry = this.entries.get(node) ?? { fate: undefined, became: [], notes: [] };
    this.entries.set(node, entry);
    return entry;
  }
}
