/** Whom this engine trusts, and where they are. All that a cluster has to replace, when engines find each other by themselves. */
import { timingSafeEqual } from 'node:crypto';
import type { PeerId } from '../../../shared/base/ids.ts';
import type { Peer } from '../../../shared/model/peer.ts';
import type { Inventory } from '../../inventory/inventory.ts';

export interface PeerDirectory {
  /** The peer whose certificate has that fingerprint; nobody else gets in. */
  trusted(fingerprint: string): Peer | undefined;
  /** Throws when there is none. */
  get(id: PeerId): Peer;
}

/** Those that an operator added. */
export class AddedPeers implements PeerDirectory {
  private readonly inventory: Inventory;
  constructor(inventory: Inventory) { this.inventory = inventory; }

  trusted(fingerprint: string): Peer | undefined { return this.inventory.all('peer').filter(peer => isSame(peer.fingerprint, fingerprint))[0]; }
  get(id: PeerId): Peer { return this.inventory.get('peer', id); }
}

/** In a time that says nothing of how much of it is the same. */
export function isSame(a: string, b: string): boolean {
  const [one, other] = [Buffer.from(a), Buffer.from(b)];
  return one.length === other.length && timingSafeEqual(one, other);
}
