/** In a browser: a WebSocket to the server the page came from, opened again with back-off whenever it closes. */
import { webSocketPort } from '../../shared/api/port.ts';
import type { EngineLink, LinkListener } from './link.ts';

const BACK_OFF_MS = { first: 250, most: 4000 } as const;

function open(url: URL, listener: LinkListener, closed: (wasOpen: boolean) => void): void {
  const socket = new WebSocket(url);
  let opened = false;
  socket.addEventListener('open', () => {
    opened = true;
    listener.opened(webSocketPort(socket));
  });
  socket.addEventListener('close', () => closed(opened));
}

export function webSocketLink(page: URL): EngineLink {
  const url = new URL(page);
  url.protocol = page.protocol === 'https:' ? 'wss:' : 'ws:';
  url.search = url.hash = '';
  return listener => {
    let waitMs: number = BACK_OFF_MS.first;
    const again = () => open(url, listener, wasOpen => {
      if (wasOpen) {
        waitMs = BACK_OFF_MS.first;
        listener.lost();
      }
      setTimeout(again, waitMs);
      waitMs = Math.min(waitMs * 2, BACK_OFF_MS.most);
    });
    again();
  };
}
