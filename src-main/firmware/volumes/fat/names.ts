/**
 * Names on FAT: eleven bytes that always exist, and long names in UTF-16 beside them, in entries that bear the short name's checksum (Microsoft FAT
 * specification, "Short Directory Entries" and "Long Directory Entries"). Short names are kept as strings of the eleven bytes' values.
 */
const BASE = 8, SHORT = 11, MAX_LONG = 255, LOWER_BASE = 0x08, LOWER_EXTENSION = 0x10, MAX_TAIL = 999_999, PLAIN_TAILS = 4;
/** What code page 437 has from 0x80 on. */
const HIGH = 'ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u00a0';
const NOT_IN_SHORT = /[^A-Z0-9!#$%&'()\-@^_`{}~]/g;

const decode = (bytes: Buffer): string => Array.from(bytes, value => (value < 0x80 ? String.fromCharCode(value) : HIGH[value - 0x80]!)).join('').replace(/ +$/, '');

/** Of a directory entry, in the case that its flags say; empty of one without any. */
export function shortText(entry: Buffer): string {
  const bytes = Buffer.from(entry.subarray(0, SHORT)), flags = entry[12]!, lower = (text: string, bit: number) => ((flags & bit) !== 0 ? text.toLowerCase() : text);
  if (bytes[0] === 0x05) bytes[0] = 0xe5;
  const base = decode(bytes.subarray(0, BASE)), extension = decode(bytes.subarray(BASE));
  return lower(base, LOWER_BASE) + (extension === '' ? '' : `.${lower(extension, LOWER_EXTENSION)}`);
}

/** Equal for names that are the same file: upper case, unit by unit. */
export const folded = (name: string): string => Array.from({ length: name.length }, (_, n) => { const upper = name[n]!.toUpperCase(); return upper.length === 1 ? upper : name[n]!; }).join('');

/** As it is stored, without dots and spaces at its end; undefined of what no file can be called. */
export function storedName(name: string): string | undefined {
  const stored = name.replace(/[. ]+$/, '').replace(/^ +/, '');
   
  return stored === '' || stored.length > MAX_LONG || /[\x00-\x1f"*/:<>?\\|\x7f]/.test(stored) ? undefined : stored;
}

export function checksum(short: string): number {
  let sum = 0;
  for (let n = 0; n < SHORT; n++) sum = ((sum & 1) << 7 | sum >> 1) + short.charCodeAt(n) & 0xff;
  return sum;
}

const padded = (base: string, extension: string) => base.padEnd(BASE) + extension.padEnd(SHORT - BASE);

/** A short name that no other file has, and whether it says all of the name. */
export function shortNameFor(name: string, isTaken: (short: string) => boolean): { readonly short: string; readonly isWhole: boolean } {
  const upper = folded(name), dot = upper.lastIndexOf('.'), hasExtension = dot > 0, stem = hasExtension ? upper.slice(0, dot) : upper;
  const clean = (text: string) => text.replace(/[. ]/g, '').replace(NOT_IN_SHORT, '_'), base = clean(stem), extension = hasExtension ? clean(upper.slice(dot + 1)) : '';
  const fits = base === stem && extension === (hasExtension ? upper.slice(dot + 1) : '') && base !== '' && base.length <= BASE && extension.length <= SHORT - BASE && !(hasExtension && extension === '');
  const plain = padded(base.slice(0, BASE), extension.slice(0, SHORT - BASE));
  if (fits && !isTaken(plain)) return { short: plain, isWhole: upper === name };
  for (let n = 1; n <= MAX_TAIL; n++) {
    // As Windows does, lest a directory of like names is searched for each.
    const start = n <= PLAIN_TAILS ? base : base.slice(0, 2) + hash(name), tail = `~${n <= PLAIN_TAILS ? n : n - PLAIN_TAILS}`;
    const short = padded(start.slice(0, BASE - tail.length) + tail, extension.slice(0, SHORT - BASE));
    if (!isTaken(short)) return { short, isWhole: false };
  }
  throw new Error('a directory holds fewer files than there are short names');
}

const hash = (name: string): string => {
  let value = 0;
  for (let n = 0; n < name.length; n++) value = value * 37 + name.charCodeAt(n) & 0xffff;
  return value.toString(16).toUpperCase().padStart(4, '0');
};

/** The eleven bytes of a volume's label in upper case; undefined of one that cannot be. */
export function labelBytes(label: string): Buffer | undefined {
  const letters = Array.from(folded(label.trim())), bytes = letters.map(letter => (/[ A-Z0-9!#$%&'()\-@^_`{}~]/.test(letter) ? letter.charCodeAt(0) : HIGH.includes(letter) ? HIGH.indexOf(letter) + 0x80 : 0));
  if (bytes.length > SHORT || bytes.includes(0)) return undefined;
  const stored = Buffer.alloc(SHORT, ' ');
  stored.set(bytes);
  if (stored[0] === 0xe5) stored[0] = 0x05;
  return stored;
}

export function labelText(bytes: Buffer): string {
  const copy = Buffer.from(bytes.subarray(0, SHORT));
  if (copy[0] === 0x05) copy[0] = 0xe5;
  return decode(copy).trim();
}
