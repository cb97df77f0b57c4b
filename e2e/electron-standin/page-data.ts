/**
 * Structured data as text, for the way between the main process and a page. Both functions are also sent to pages as
 * source, so they use nothing from outside themselves.
 */

export function toText(data: unknown): string {
  const pack = (value: unknown): unknown => {
    if (value === undefined) return { $: 'undefined' };
    if (value instanceof Uint8Array) return { $: 'bytes', is: btoa(Array.from(value, byte => String.fromCharCode(byte)).join('')) };
    if (Array.isArray(value)) return value.map(pack);
    if (typeof value === 'object' && value !== null) return { $: 'object', is: Object.entries(value).map(([key, item]) => [key, pack(item)]) };
    if (value === null || ['string', 'number', 'boolean'].includes(typeof value)) return value;
    throw new TypeError(`the Electron stand-in does not clone a ${typeof value}`);
  };
  return JSON.stringify(pack(data));
}

export function fromText(text: string): unknown {
  type Packed = { $: 'undefined' } | { $: 'bytes'; is: string } | { $: 'object'; is: [string, unknown][] };
  const unpack = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(unpack);
    if (typeof value !== 'object' || value === null) return value;
    const packed = value as Packed;
    if (packed.$ === 'undefined') return undefined;
    if (packed.$ === 'bytes') return Uint8Array.from(atob(packed.is), letter => letter.charCodeAt(0));
    return Object.fromEntries(packed.is.map(([key, item]) => [key, unpack(item)]));
  };
  return unpack(JSON.parse(text));
}
