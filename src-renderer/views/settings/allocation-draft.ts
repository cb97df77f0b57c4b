/** Shares, reservation and limit as typed. */
import { SHARE_LEVELS, type Allocation, type PoolAllocation, type ShareLevel } from '../../../shared/model/container.ts';
import { typed } from './hardware-draft.ts';

/** What each level of shares stands for: of a VM it grows with its CPUs or its memory. */
export type Levels = Readonly<Record<ShareLevel, number>>;

export interface AllocationDraft {
  level: ShareLevel | 'custom';
  /** When the level is custom. */
  shares: string;
  reservation: string;
  /** None when empty. */
  limit: string;
  /** Of a resource pool. */
  expandable: boolean;
}

export const newAllocation = (): AllocationDraft => ({ level: 'normal', shares: '', reservation: '0', limit: '', expandable: true });

export function allocationDraft(own: Allocation | PoolAllocation, levels: Levels): AllocationDraft {
  const level = SHARE_LEVELS.find(each => levels[each] === own.shares) ?? 'custom';
  return { level, shares: level === 'custom' ? String(own.shares) : '', reservation: String(own.reservation), limit: own.limit === undefined ? '' : String(own.limit), expandable: 'expandable' in own ? own.expandable : true };
}

export const sharesOf = ({ level, shares }: AllocationDraft, levels: Levels): number => (level === 'custom' ? typed(shares) : levels[level]);

export function allocationOf(draft: AllocationDraft, levels: Levels): Allocation {
  const { reservation, limit } = draft;
  return { shares: sharesOf(draft, levels), reservation: typed(reservation), ...(limit.trim() && { limit: typed(limit) }) };
}

export const isNormal = ({ level, reservation, limit }: AllocationDraft): boolean => level === 'normal' && typed(reservation) === 0 && limit.trim() === '';

/** What a schema has against a field of an allocation: `cpu.limit` and the like. */
export type Shown = (field: 'shares' | 'reservation' | 'limit') => string | undefined;
