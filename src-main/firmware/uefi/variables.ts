/**
 * Variables (UEFI 2.10, 8.2): data by name and GUID, some of which outlive the power. Who keeps those gets all of them with each change.
 * Authenticated variables are not kept: there is no secure boot.
 */
import type { EfiVariable } from '../../../shared/model/efi.ts';
import { INVALID_PARAMETER, NOT_FOUND, OUT_OF_RESOURCES, SUCCESS, UNSUPPORTED, WRITE_PROTECTED } from './status.ts';

export const ATTRIBUTE = { nonVolatile: 1, bootService: 2, runtime: 4, hardwareError: 8, authenticated: 0x10, timeAuthenticated: 0x20, append: 0x40, enhanced: 0x80 } as const;
const KNOWN = ATTRIBUTE.nonVolatile | ATTRIBUTE.bootService | ATTRIBUTE.runtime | ATTRIBUTE.hardwareError;
/** Room for all that are kept, as flash has it, and for one. */
export const STORE_BYTES = 0x2_0000;
export const VARIABLE_BYTES = 0x8000;
/** What each takes besides its name and data. */
const HEADER_BYTES = 60;

export interface Variable { readonly name: string; readonly guid: string; readonly attributes: number; readonly data: Uint8Array }
export interface VariablesState { readonly all: readonly Variable[] }

const sizeOf = ({ name, data }: Pick<Variable, 'name' | 'data'>) => HEADER_BYTES + 2 * (name.length + 1) + data.length;

export class Variables {
  private all: Variable[] = [];
  /** Of those that only the firmware writes. */
  private readonly readOnly: ReadonlySet<string>;

  constructor(readOnly: readonly string[] = []) { this.readOnly = new Set(readOnly); }

  /** At power-on: what was kept, and nothing else. */
  load(kept: readonly EfiVariable[]): void { this.all = kept.map(({ name, guid, attributes, data }) => ({ name, guid, attributes, data: Uint8Array.from(Buffer.from(data, 'base64')) })); }

  /** What is to outlive the power. */
  get kept(): readonly EfiVariable[] {
    return this.all.filter(({ attributes }) => (attributes & ATTRIBUTE.nonVolatile) !== 0).map(({ name, guid, attributes, data }) => ({ name, guid, attributes, data: Buffer.from(data).toString('base64') }));
  }

  get(name: string, guid: string, isRuntime: boolean): Variable | undefined { return this.visible(isRuntime).find(each => each.name === name && each.guid === guid); }

  /** The one after it, the first one after nothing; undefined after the last. */
  next(name: string, guid: string, isRuntime: boolean): { readonly status: bigint; readonly variable?: Variable } {
    const visible = this.visible(isRuntime), at = name === '' ? -1 : visible.findIndex(each => each.name === name && each.guid === guid);
    if (name !== '' && at < 0) return { status: INVALID_PARAMETER };
    const variable = visible[at + 1];
    return variable === undefined ? { status: NOT_FOUND } : { status: SUCCESS, variable };
  }

  /** Whether anything that is kept changed is in `isKept`. The firmware itself may write all. */
  set({ name, guid, attributes, data }: Variable, by: 'firmware' | 'boot' | 'runtime'): { readonly status: bigint; readonly isKept: boolean } {
    const refused = (status: bigint) => ({ status, isKept: false }), isAppended = (attributes & ATTRIBUTE.append) !== 0, wanted = attributes & ~ATTRIBUTE.append;
    if (name === '' || name.length > VARIABLE_BYTES / 2) return refused(INVALID_PARAMETER);
    if ((wanted & ~KNOWN) !== 0) return refused((wanted & (ATTRIBUTE.authenticated | ATTRIBUTE.timeAuthenticated | ATTRIBUTE.enhanced)) !== 0 ? UNSUPPORTED : INVALID_PARAMETER);
    if (by !== 'firmware' && this.readOnly.has(`${guid}/${name}`)) return refused(WRITE_PROTECTED);
    const old = this.all.find(each => each.name === name && each.guid === guid), isGone = !isAppended && (data.length === 0 || (wanted & (ATTRIBUTE.bootService | ATTRIBUTE.runtime)) === 0);
    if (by === 'runtime' && (old !== undefined ? (old.attributes & ATTRIBUTE.runtime) === 0 : (wanted & ATTRIBUTE.runtime) === 0)) return refused(isGone || old !== undefined ? NOT_FOUND : INVALID_PARAMETER);
    if (isGone) return this.remove(old, by);
    if ((wanted & ATTRIBUTE.runtime) !== 0 && (wanted & ATTRIBUTE.bootService) === 0 || old !== undefined && wanted !== 0 && old.attributes !== wanted) return refused(INVALID_PARAMETER);
    // After the hand-over there is no memory for what is not kept.
    if (by === 'runtime' && (wanted & ATTRIBUTE.nonVolatile) === 0 && old === undefined) return refused(INVALID_PARAMETER);
    if (isAppended && data.length === 0) return { status: SUCCESS, isKept: false };
    const next = { name, guid, attributes: old?.attributes ?? wanted, data: isAppended && old !== undefined ? Uint8Array.from([...old.data, ...data]) : data }, others = this.all.filter(each => each !== old);
    if (sizeOf(next) > VARIABLE_BYTES || usedBy(others) + sizeOf(next) > STORE_BYTES) return refused(OUT_OF_RESOURCES);
    this.all = old === undefined ? [...this.all, next] : this.all.map(each => (each === old ? next : each));
    return { status: SUCCESS, isKept: (next.attributes & ATTRIBUTE.nonVolatile) !== 0 };
  }

  private remove(old: Variable | undefined, by: string): { readonly status: bigint; readonly isKept: boolean } {
    if (old === undefined) return { status: NOT_FOUND, isKept: false };
    if (by === 'runtime' && (old.attributes & ATTRIBUTE.nonVolatile) === 0) return { status: WRITE_PROTECTED, isKept: false };
    this.all = this.all.filter(each => each !== old);
    return { status: SUCCESS, isKept: (old.attributes & ATTRIBUTE.nonVolatile) !== 0 };
  }

  /** Bytes that are there, that are left, and that one may have. */
  get room(): { readonly most: number; readonly left: number; readonly mostOfOne: number } { return { most: STORE_BYTES, left: STORE_BYTES - usedBy(this.all), mostOfOne: VARIABLE_BYTES }; }

  private visible(isRuntime: boolean) { return isRuntime ? this.all.filter(({ attributes }) => (attributes & ATTRIBUTE.runtime) !== 0) : this.all; }

  save(): VariablesState { return { all: this.all }; }
  restore(state: VariablesState): void { this.all = [...state.all]; }
}

const usedBy = (variables: readonly Variable[]) => variables.reduce((sum, each) => sum + sizeOf(each), 0);

/** A little-endian list of 16-bit numbers, as BootOrder is. */
export const readWords = (data: Uint8Array): number[] => Array.from({ length: data.length >> 1 }, (_, n) => data[2 * n]! | data[2 * n + 1]! << 8);
export const wordBytes = (words: readonly number[]): Uint8Array => Uint8Array.from(words.flatMap(word => [word & 0xff, word >> 8]));

