import type { EngineApi } from '../../shared/api/engine-api.ts';
import { EngineError } from '../../shared/base/errors.ts';
import type { VmId } from '../../shared/base/ids.ts';
import { say } from '../../shared/base/phrase.ts';
import { Bytes, checked, Count, idOf } from './checked.ts';
import type { ConsoleClient } from './console.ts';
import type { Engine } from './engine.ts';
import type { Session } from './session.ts';

const ConsoleId = idOf(say`The console`);

/** A connection may attach to several consoles; all are detached when it ends. */
export function consoleMethods({ power }: Pick<Engine, 'power'>, { emit, onEnd }: Session): EngineApi['consoles'] {
  const attached = new Map<string, ConsoleClient>();
  let attachments = 0;
  onEnd(() => { for (const client of attached.values()) client.detach(); });

  function client(consoleId: string): ConsoleClient {
    const found = attached.get(consoleId);
    if (!found) throw new EngineError('not-attached', 'The console is not attached.');
    return found;
  }
  return {
    attach: checked([idOf<VmId>(say`The VM`)], id => {
      const consoleId = `console-${++attachments}`;
      attached.set(consoleId, power.console(id).attach(bytes => emit('console.output', { consoleId, bytes })));
      return { consoleId };
    }),
    detach: checked([ConsoleId], consoleId => {
      client(consoleId).detach();
      attached.delete(consoleId);
    }),
    write: checked([ConsoleId, Bytes], (consoleId, bytes) => client(consoleId).write(bytes)),
    acknowledge: checked([ConsoleId, Count], (consoleId, bytes) => client(consoleId).acknowledge(bytes)),
  };
}
