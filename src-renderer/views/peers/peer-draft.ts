/** What the dialog has been told of a peer so far. */
import * as v from 'valibot';
import { phraseOf } from '../../../shared/base/phrase.ts';
import { NewPeer } from '../../../shared/model/peer.ts';
import { translate } from '../../i18n/i18n.ts';

export interface PeerDraft { name: string; address: string; fingerprint: string }

/** By field. */
export function peerProblems(draft: PeerDraft): ReadonlyMap<keyof PeerDraft, string> {
  const { issues = [] } = v.safeParse(NewPeer, draft);
  return new Map(issues.toReversed().map(issue => [v.getDotPath(issue) as keyof PeerDraft, translate(phraseOf(issue.message))]));
}
