import type { OutgoingSegment } from './segment.ts';

/** RFC 9293, 3.3.2. */
export type TcpState =
  | 'LISTEN' | 'SYN-SENT' | 'SYN-RECEIVED' | 'ESTABLISHED' | 'FIN-WAIT-1' | 'FIN-WAIT-2' | 'CLOSE-WAIT' | 'CLOSING' | 'LAST-ACK' | 'TIME-WAIT' | 'CLOSED';

/** Why a connection is over. */
export type TcpEnd = 'finished' | 'reset' | 'timed out';

export interface TcpIo {
  readonly nowNs: () => number;
  /** False when it cannot be sent now; `sendAgain` is called when it can. */
  readonly send: (segment: OutgoingSegment) => boolean;
  readonly established: () => void;
  /** Data in order. The bytes are the caller's; `consumed` gives their room back. */
  readonly received: (bytes: Uint8Array) => void;
  /** The peer sends no more. */
  readonly receivedEnd: () => void;
  /** The peer took some of what was written. */
  readonly drained: () => void;
  readonly closed: (end: TcpEnd) => void;
}

export interface TcpOptions { readonly mss: number; readonly initialSeq: number; readonly receiveBytes?: number }
