/** Names of addresses, from what `nm`, System.map and /proc/kallsyms print: an address, a letter and a name a line. */

/** Bytes behind the last symbol in which addresses still count as its own. */
const LONGEST = 0x1_0000n;

export class Symbols {
  private readonly sorted: readonly { readonly address: bigint; readonly name: string }[];

  /** Takes functions only; lines of another form are left out. */
  constructor(text: string) {
    this.sorted = [...text.matchAll(/^([0-9a-f]{8,16}) [tTwW] (\S+)/gm)].map(([, address = '0', name = '']) => ({ address: BigInt(`0x${address}`), name }))
      .filter(symbol => symbol.address !== 0n).sort((a, b) => (a.address < b.address ? -1 : a.address > b.address ? 1 : 0));
  }

  get count(): number { return this.sorted.length; }

  /** For example `memset+0x14`; undefined when no function is there. */
  nameOf(address: bigint): string | undefined {
    let low = 0, high = this.sorted.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.sorted[middle]?.address ?? 0n) <= address) low = middle + 1;
      else high = middle;
    }
    const found = this.sorted[low - 1];
    if (found === undefined || address - found.address >= LONGEST) return undefined;
    return address === found.address ? found.name : `${found.name}+0x${(address - found.address).toString(16)}`;
  }
}
