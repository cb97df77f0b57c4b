/** In the desktop app: the preload re-posts a MessagePort to the page each time an engine has started. */
import type { Port } from '../../shared/api/rpc.ts';
import type { EngineLink } from './link.ts';

const MESSAGE = 'quarterdeck:engine-port';

/** A port over a browser's MessagePort. */
export function portOf(channel: MessagePort): Port {
  return {
    send: message => channel.postMessage(message),
    onMessage: listener => {
      channel.onmessage = ({ data }: MessageEvent<unknown>) => listener(data);
    },
    close: () => channel.close(),
  };
}

export function electronLink(desktop: QuarterdeckDesktop): EngineLink {
  return listener => {
    let live: MessagePort | undefined;
    function take(channel: MessagePort) {
      if (live) listener.lost();
      live = channel;
      channel.addEventListener('close', () => {
        if (live !== channel) return;
        live = undefined;
        listener.lost();
      });
      listener.opened(portOf(channel));
    }
    window.addEventListener('message', event => {
      const [channel] = event.ports;
      if (event.source === window && channel && (event.data as { type?: unknown } | null)?.type === MESSAGE) take(channel);
    });
    desktop.requestEnginePort();
  };
}
