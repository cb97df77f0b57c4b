import type { EngineApi } from '../../shared/api/engine-api.ts';
import type { PeerId } from '../../shared/base/ids.ts';
import { say } from '../../shared/base/phrase.ts';
import { NewPeer } from '../../shared/model/peer.ts';
import { ROOT } from '../../shared/model/task.ts';
import { checked, idOf } from './checked.ts';
import type { Engine } from './engine.ts';
import { peerRef } from './peers/peers.ts';

const Id = idOf<PeerId>(say`The peer`);

/** What is wrong with a wish is said at once, not by a task. */
export function peerMethods({ inventory, tasks, peers }: Pick<Engine, 'inventory' | 'tasks' | 'peers'>): EngineApi['peers'] {
  return {
    list: () => Promise.resolve(inventory.all('peer')),
    add: checked([NewPeer], async wanted => {
      const { fingerprint } = await peers.identity();
      inventory.rehearse(edit => peers.add(edit, wanted, fingerprint));
      return await tasks.run(say`Add peer`, ROOT, ({ made }) => inventory.transact(edit => made(peerRef(peers.add(edit, wanted, fingerprint)))));
    }),
    remove: checked([Id], id => {
      inventory.rehearse(edit => peers.remove(edit, id));
      return tasks.run(say`Remove peer`, peerRef(inventory.get('peer', id)), () => inventory.transact(edit => peers.remove(edit, id)));
    }),
    identity: () => peers.identity(),
    check: checked([Id], id => peers.check(id)),
  };
}
