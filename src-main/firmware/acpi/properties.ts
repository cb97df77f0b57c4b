/**
 * Device properties (`_DSD`, ACPI 6.5, 6.2.5, and the UEFI Forum's DSD guide): integers, texts, references and packages of those, which is all that an OS accepts
 * in them. A tree's values have no types: what is printable strings becomes texts, whole cells integers, other bytes an integer each, and a flag the integer 1.
 */
import { say, type Said } from '../../../shared/base/phrase.ts';
import { cellsIn, textsIn, type TreeNode } from '../fdt-reader.ts';
import { integer, named, packageOf, path, text, uuid, type Aml } from './aml.ts';
import type { DeviceTree } from './device-tree.ts';
import { gpioLine, type Descriptor } from './resources.ts';

const PROPERTIES_UUID = 'daffd814-6eba-4d8c-8a91-bc9bbf4aa301', NODES_UUID = 'dbb8e3e6-5886-4ba6-8795-1319f52a966b';
const MOST_ELEMENTS = 4096, MOST_NODES = 1000;

/** They are told otherwise, or have a meaning in trees only. */
const ELSEWHERE = /^(reg|ranges|dma-ranges|status|phandle|linux,phandle|interrupts|interrupts-extended|interrupt-parent|interrupt-controller|interrupt-map|interrupt-map-mask|dma-coherent|dma-noncoherent|device_type|msi-parent|iommus|remote-endpoint|name|assigned-.*|#.*-cells|bootph-.*|u-boot,.*)$/;

/** What a driver may ask for and not find. */
const WANTING: readonly (readonly [RegExp, Said])[] = [
  [/^(clocks|clock-names|clock-ranges)$/, say`ACPI has no clocks: a driver that wants them does not start.`],
  [/^(resets|reset-names)$/, say`ACPI has no reset lines: a driver that wants them does not start.`],
  [/^(pinctrl-\d+|pinctrl-names)$/, say`Pins are as firmware set them: ACPI does not set them.`],
  [/-supply$/, say`ACPI has no regulators: its power supplies are as firmware set them.`],
  [/^(power-domains|power-domain-names|required-opps|operating-points-v2)$/, say`ACPI has no power domains like those of the tree: power is as firmware set it.`],
  [/^(dmas|dma-names)$/, say`DMA channels are not told: a driver that can do without uses none.`],
  [/^(phys|phy-names|phy-handle|usb-phy)$/, say`ACPI has no PHYs: a driver that wants one does not start.`],
  [/^(interconnects|interconnect-names|nvmem-cells|nvmem-cell-names|mboxes|mbox-names|hwlocks|memory-region|memory-region-names|sound-dai|thermal-sensors|io-channels|pwms|cpu|cooling-device|trip|backlight|panel|ddc-i2c-bus)$/, say`What it has of other devices by phandles is left out.`],
];
const GPIOS = /^(.+-)?gpios?$/;

/** Objects of a device that its properties and those of nodes below it need. */
export interface DeviceProperties { readonly objects: readonly Aml[]; readonly descriptors: readonly Descriptor[]; readonly notes: readonly Said[]; readonly nodes: readonly TreeNode[] }

export interface PropertyInputs {
  readonly tree: DeviceTree;
  /** The device's own path. */
  readonly device: string;
  readonly pathOf: (node: TreeNode) => string | undefined;
  /** What more it has than the tree says. */
  readonly extra?: ReadonlyMap<string, number> | undefined;
  /** Nodes below it that are told otherwise. */
  readonly isElsewhere: (node: TreeNode) => boolean;
}

export function propertiesOf(node: TreeNode, inputs: PropertyInputs): DeviceProperties { return new Writer(inputs).device(node); }

class Writer {
  private readonly inputs: PropertyInputs;
  private readonly descriptors: Descriptor[] = [];
  private readonly notes = new Set<Said>();
  private readonly nodes: TreeNode[] = [];
  private readonly objects: Aml[] = [];

  constructor(inputs: PropertyInputs) { this.inputs = inputs; }

  device(node: TreeNode): DeviceProperties {
    this.objects.unshift(named('_DSD', this.data(node)));
    return { objects: this.objects, descriptors: this.descriptors, notes: [...this.notes], nodes: this.nodes };
  }

  private data(node: TreeNode): Aml {
    const extra = node.parent !== undefined && this.nodes.length === 0 ? this.inputs.extra : undefined, pairs: Aml[] = [...extra ?? []].map(([name, value]) => packageOf([text(name), integer(value)]));
    for (const [name, value] of node.properties) {
      const term = this.term(node, name, value);
      if (term !== undefined) pairs.push(packageOf([text(name), term]));
    }
    const below = node.children.filter(child => !child.isDisabled && !this.inputs.isElsewhere(child)).flatMap(child => this.below(child));
    return packageOf([uuid(PROPERTIES_UUID), packageOf(pairs), ...(below.length > 0 ? [uuid(NODES_UUID), packageOf(below)] : [])]);
  }

  /** A node below becomes a package of its own, which the device's names (ACPI 6.5, 6.2.5: hierarchical data). */
  private below(child: TreeNode): readonly Aml[] {
    if (this.nodes.length >= MOST_NODES) { this.notes.add(say`Of the nodes below it only the first ${MOST_NODES} are told.`); return []; }
    const name = `N${this.nodes.length.toString(36).toUpperCase().padStart(3, '0')}`;
    this.nodes.push(child);
    const contents = this.data(child);
    this.objects.push(named(name, contents));
    return [packageOf([text(child.name), text(name)])];
  }

  private term(node: TreeNode, name: string, value: Uint8Array): Aml | undefined {
    if (ELSEWHERE.test(name)) return undefined;
    const wanting = WANTING.find(([names]) => names.test(name));
    if (wanting !== undefined) { this.notes.add(wanting[1]); return undefined; }
    if (GPIOS.test(name) && value.length % 4 === 0 && value.length > 0) return this.gpios(node, name);
    return valueTerm(value, () => this.notes.add(say`Its property ${name} is too long.`));
  }

  /** A pin is a resource of the device, to which the property refers by number (DSD guide, GPIO bindings). */
  private gpios(node: TreeNode, name: string): Aml | undefined {
    const { tree, device, pathOf } = this.inputs, terms: Aml[] = [], found: Descriptor[] = [];
    for (const one of tree.specifiers(node, name, '#gpio-cells')) {
      const source = one && pathOf(one.controller), [pin = 0, flags = 0] = one?.cells ?? [];
      if (one === undefined || source === undefined || one.cells.length > 2 || pin > 0xffff) {
        this.notes.add(say`Its pins (${name}) are those of a controller that ACPI cannot refer to.`);
        return undefined;
      }
      terms.push(path(device), integer(this.descriptors.length + found.length), integer(0), integer(flags & 1));
      found.push(gpioLine({ source, pin }));
    }
    this.descriptors.push(...found);
    return terms.length === 0 ? undefined : packageOf(terms);
  }
}

function valueTerm(value: Uint8Array, tooLong: () => void): Aml | undefined {
  if (value.length === 0) return integer(1);
  const texts = textsIn(value), numbers = value.length % 4 === 0 ? cellsIn(value) : [...value.subarray(0, MOST_ELEMENTS + 1)];
  const [one, ...more] = texts?.map(text) ?? numbers.slice(0, MOST_ELEMENTS + 1).map(integer);
  if (one === undefined || more.length >= MOST_ELEMENTS) { tooLong(); return undefined; }
  return more.length === 0 ? one : packageOf([one, ...more]);
}
