import type { Duplex } from 'node:stream';
import * as v from 'valibot';
import type { EngineApi } from '../../shared/api/engine-api.ts';
import { EngineError } from '../../shared/base/errors.ts';
import type { VmId } from '../../shared/base/ids.ts';
import { say, type Said } from '../../shared/base/phrase.ts';
import { ClientProperties, HeadWindow, withoutWindow, withWindow } from '../../shared/model/display.ts';
import { Bytes, checked, Count, FilePath, idOf } from './checked.ts';
import type { Engine } from './engine.ts';
import { newId } from './new-id.ts';
import type { Session } from './session.ts';

const Id = idOf<VmId>(say`The VM`), SessionId = idOf(say`The session`), StreamId = idOf(say`The stream`);
/** Of a stream, how much may be on its way to a client. */
const WINDOW_BYTES = 8 * 1024 * 1024;

interface Open { readonly stream: Duplex; unacknowledged: number; /** Why others ended its session. */ why?: Said }

/** A connection has sessions, and streams of its own or others' sessions; all of them end with it. */
export function displayMethods({ displays }: Pick<Engine, 'displays'>, { emit, onEnd }: Session): EngineApi['displays'] {
  const { sessions } = displays, streams = new Map<string, Open>(), own = new Set<string>(), asked = new Set<VmId>();
  const told = sessions.changed.on(id => { if (asked.has(id) && sessions.live(id)) emit('display.changed', { vmId: id, display: displays.of(id) }); });
  onEnd(() => {
    told.dispose();
    for (const { stream } of streams.values()) stream.destroy();
    for (const id of own) sessions.close(id);
  });
  function at(streamId: string): Open {
    const found = streams.get(streamId);
    if (!found) throw new EngineError('no-stream', 'The stream of the display has ended.');
    return found;
  }
  return {
    open: checked([Id, ClientProperties], (id, properties) => {
      asked.add(id);
      const session = sessions.begin(id, { client: 'Console', kind: 'console', properties, ended: () => own.delete(session.id) });
      own.add(session.id);
      return session;
    }),
    update: checked([SessionId, HeadWindow], (sessionId, window) => sessions.change(sessionId, properties => withWindow(properties, window))),
    close: checked([SessionId], sessionId => {
      if (own.delete(sessionId)) { sessions.close(sessionId); return; }
      sessions.end(sessionId, say`The session was disconnected by an operator.`);
    }),
    stream: checked([SessionId, Count], (sessionId, head) => {
      const stream = displays.stream(sessionId, head), streamId = newId<string>('stream'), open: Open = { stream, unacknowledged: 0 };
      streams.set(streamId, open);
      const over = sessions.over(sessionId, why => {
        if (why !== undefined) open.why = why;
        stream.destroy();
      });
      stream.on('data', (bytes: Uint8Array) => {
        open.unacknowledged += bytes.length;
        if (open.unacknowledged >= WINDOW_BYTES) stream.pause();
        emit('display.output', { streamId, bytes });
      });
      stream.on('error', () => { /* its close is what is told */ });
      stream.on('close', () => {
        over.dispose();
        if (sessions.has(sessionId)) sessions.change(sessionId, properties => withoutWindow(properties, head));
        if (streams.delete(streamId)) emit('display.closed', { streamId, ...(open.why !== undefined && { why: open.why }) });
      });
      return { streamId };
    }),
    write: checked([StreamId, Bytes], (streamId, bytes) => { at(streamId).stream.write(bytes); }),
    acknowledge: checked([StreamId, Count], (streamId, bytes) => {
      const open = at(streamId);
      open.unacknowledged = Math.max(0, open.unacknowledged - bytes);
      if (open.unacknowledged < WINDOW_BYTES) open.stream.resume();
    }),
    closeStream: checked([StreamId], streamId => {
      const { stream } = at(streamId);
      streams.delete(streamId);
      stream.destroy();
    }),
    get: checked([Id], id => { asked.add(id); return displays.of(id); }),
    screenshot: checked([Id, v.optional(v.object({ head: v.optional(Count), width: v.optional(Count) }))], (id, options = {}) => displays.screenshot(id, options)),
    startRecording: checked([Id, v.optional(v.object({ head: v.optional(Count), path: v.optional(FilePath) }))], (id, options = {}) => displays.startRecording(id, options)),
    stopRecording: checked([Id], id => displays.stopRecording(id)),
    recordings: checked([Id], id => displays.recordingsOf(id)),
    readRecording: checked([Id, FilePath, Count], (id, name, offset) => displays.readRecording(id, name, offset)),
  };
}
