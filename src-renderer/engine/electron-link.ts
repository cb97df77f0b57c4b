/** In the desktop app: the preload re-posts a MessagePort to the page each time an engine has started. */
import { pagePort } from '../../shared/api/port.ts';
import type { EngineLink } from './link.ts';

const MESSAGE = 'quarterdeck:engine-port';

export function electronLink(desktop: QuarterdeckDesktop): EngineLink {
  return listener => {
    let live: MessagePort | undefined;
    function lose(channel: MessagePort) {
      if (live !== channel) return;
      live = undefined;
      listener.lost();
    }
    function take(channel: MessagePort) {
      if (live) lose(live);
      live = channel;
      channel.addEventListener('close', () => lose(channel));
      listener.opened(pagePort(channel));
    }
    window.addEventListener('message', event => {
      const [channel] = event.ports;
      if (event.source === window && channel && (event.data as { type?: unknown } | null)?.type === MESSAGE) take(channel);
    });
    desktop.requestEnginePort();
  };
}
