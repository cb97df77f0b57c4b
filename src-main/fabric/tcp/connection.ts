/**
 * One end of a TCP connection (RFC 9293) without its network: handshakes both ways, window scale, out-of-order data,
 * retransmission (RFC 6298), fast retransmit and congestion control (RFC 5681), zero-window probes, half-close, resets with
 * challenge ACKs (RFC 5961), TIME-WAIT. Data may be sent as long segments that whoever sends them cuts. Left out: SACK,
 * timestamps, ECN, urgent data (taken as ordinary), Nagle's algorithm, delayed ACKs (one acknowledges a whole batch).
 */
import { ByteQueue } from './byte-queue.ts';
import { Congestion } from './congestion.ts';
import { Reassembly } from './reassembly.ts';
import { RetransmissionTimer } from './retransmission-timer.ts';
import { SendWindow } from './send-window.ts';
import type { TcpEnd, TcpIo, TcpOptions, TcpState } from './connection-io.ts';
import { ACK, distance, FIN, plus, PSH, RST, SYN, type Segment } from './segment.ts';

const RECEIVE_BYTES = 2 ** 20;
const WINDOW_SCALE = 7;
/** Longest payload in one go, for the sender to cut. */
const LONGEST_BYTES = 60_000;
const LEAST_MSS = 64, DEFAULT_MSS = 536;
const DUPLICATES_FOR_LOSS = 3;
const MOST_RETRIES = 10;
/** Twice the longest life of a segment, on a link within one machine. */
const TIME_WAIT_NS = 10e9;

export class TcpConnection {
  state: TcpState = 'LISTEN';
  private readonly io: TcpIo;
  private readonly ownMss: number;
  private readonly receiveBytes: number;
  private readonly timer = new RetransmissionTimer();
  private readonly sending = new ByteQueue();
  private readonly early = new Reassembly();
  private congestion: Congestion;
  private mss: number;
  private sendUna: number;
  private sendNext: number;
  /** Highest that was sent ever; `sendNext` goes back at a time-out. */
  private sendMax: number;
  private readonly peerWindow = new SendWindow();
  private receiveScale = 0;
  private receiveNext = 0;
  /** Delivered, and not yet consumed. */
  private unread = 0;
  private announced = 0;
  private endWanted = false;
  private peerEndSeq: number | undefined;
  private duplicates = 0;
  private recoverUntil: number;
  /** Since a fast retransmit, until all that was under way then is acknowledged. */
  private recovering = false;
  private retries = 0;
  private measure: { readonly seq: number; readonly atNs: number } | undefined;
  private ackOwed = false;
  private blocked = false;
  private timeWaitEndNs = Infinity;

  constructor(options: TcpOptions, io: TcpIo) {
    this.io = io;
    this.ownMss = this.mss = options.mss;
    this.receiveBytes = options.receiveBytes ?? RECEIVE_BYTES;
    this.congestion = new Congestion(options.mss);
    this.sendUna = this.sendNext = this.sendMax = this.recoverUntil = options.initialSeq >>> 0;
  }

  /** Bytes written that the peer has not acknowledged. */
  get pendingBytes(): number { return this.sending.length; }
  get deadlineNs(): number { return Math.min(this.timer.deadlineNs, this.timeWaitEndNs); }
  /** Everything that is to be heard from the peer was. */
  get isOver(): boolean { return this.state === 'CLOSED' || this.state === 'TIME-WAIT'; }

  /** Opens towards the peer. */
  connect(): void {
    this.state = 'SYN-SENT';
    this.sendSyn();
  }

  /** Answers the peer's SYN. */
  accept(syn: Segment): void {
    this.learnSyn(syn);
    this.state = 'SYN-RECEIVED';
    this.sendSyn();
  }

  write(bytes: Uint8Array): void {
    this.sending.push(bytes);
    this.output();
  }

  /** No more is written: FIN follows what is still to be sent. */
  end(): void {
    if (this.endWanted) return;
    this.endWanted = true;
    this.output();
  }

  /** RST to the peer. */
  abort(): void {
    if (this.state !== 'CLOSED' && this.state !== 'LISTEN' && this.state !== 'TIME-WAIT') this.emit(RST | ACK, this.sendNext);
    this.finish('reset');
  }

  /** Whoever got data is done with it. */
  consumed(bytes: number): void {
    this.unread -= bytes;
    if (!this.hasPeer) return;
    const gained = this.window - distance(this.announced, this.receiveNext);
    if (gained >= Math.min(this.receiveBytes / 2, 2 * this.mss)) this.owe();
    this.flush();
  }

  /** Room to send again. */
  sendAgain(): void {
    if (!this.blocked) return;
    this.blocked = false;
    this.output();
    this.flush();
  }

  /** Sends the acknowledgement that is owed, once for all segments since the last. */
  flush(): void {
    if (this.ackOwed && this.state !== 'CLOSED') this.emit(ACK, this.sendNext);
  }

  /** Called when `deadlineNs` has passed. */
  runDue(nowNs: number): void {
    if (nowNs >= this.timeWaitEndNs) { this.finish('finished'); return; }
    if (nowNs < this.timer.deadlineNs) return;
    // Nothing is lost that waits for room.
    if (this.blocked) { this.timer.start(nowNs); return; }
    if (++this.retries > MOST_RETRIES) {
      this.emit(RST | ACK, this.sendNext);
      this.finish('timed out');
      return;
    }
    this.timer.double();
    this.measure = undefined;
    if (this.state === 'SYN-SENT' || this.state === 'SYN-RECEIVED') { this.sendSyn(); return; }
    if (this.peerWindow.bytes === 0 && this.sending.length > 0) this.probe();
    else {
      this.congestion.lostAll(distance(this.sendMax, this.sendUna));
      this.recoverUntil = this.sendMax;
      this.recovering = false;
      this.sendNext = this.sendUna;
      this.output();
    }
    this.timer.start(nowNs);
  }

  segment(segment: Segment): void {
    if (this.state === 'CLOSED' || this.state === 'LISTEN') return;
    if (this.state === 'SYN-SENT') this.answered(segment);
    else if (this.isAcceptable(segment)) this.arrived(segment);
    else if ((segment.flags & RST) === 0) {
      if (this.state === 'SYN-RECEIVED' && (segment.flags & SYN) !== 0) this.sendSyn();
      else this.owe();
    }
  }

  /** In SYN-SENT (3.10.7.3). */
  private answered(segment: Segment): void {
    const { flags, ack } = segment, acks = (flags & ACK) !== 0;
    if (acks && ack !== this.sendMax) {
      if ((flags & RST) === 0) this.emit(RST, ack);
      return;
    }
    if ((flags & RST) !== 0) { if (acks) this.finish('reset'); return; }
    if ((flags & SYN) === 0) return;
    this.learnSyn(segment);
    if (!acks) { this.state = 'SYN-RECEIVED'; this.sendSyn(); return; }
    this.establish(segment);
    this.owe();
    this.output();
  }

  /** In all other states (3.10.7.4), a segment that overlaps the receive window. */
  private arrived(segment: Segment): void {
    const { flags } = segment;
    if ((flags & RST) !== 0) {
      if (segment.seq === this.receiveNext) this.finish('reset');
      else this.owe();
      return;
    }
    if ((flags & SYN) !== 0) { this.owe(); return; }
    if ((flags & ACK) === 0 || !this.acknowledge(segment)) return;
    this.take(segment);
    this.output();
  }

  private isAcceptable({ seq, flags, payload }: Segment): boolean {
    const length = payload.length + ((flags & FIN) !== 0 ? 1 : 0), window = Math.max(this.window, distance(this.announced, this.receiveNext)), from = distance(seq, this.receiveNext);
    if (length === 0) return from >= 0 && from <= window;
    return from < Math.max(1, window) && from + length > 0;
  }

  /** Whether to go on with the segment. */
  private acknowledge(segment: Segment): boolean {
    const { ack } = segment;
    if (this.state === 'SYN-RECEIVED') {
      if (ack !== this.sendMax) { this.emit(RST, ack); return false; }
      this.establish(segment);
    }
    if (distance(ack, this.sendMax) > 0) { this.owe(); return false; }
    const gained = distance(ack, this.sendUna);
    if (gained > 0) this.advance(ack, gained);
    else if (gained === 0) this.duplicate(segment);
    if (gained >= 0 && this.peerWindow.update(segment)) this.windowOpened();
    return this.state !== 'CLOSED';
  }

  /** What the probe sent is part of what is sent now. */
  private windowOpened(): void {
    this.retries = 0;
    this.timer.progress();
    this.sendNext = this.sendUna;
  }

  private advance(ack: number, gained: number): void {
    const nowNs = this.io.nowNs(), ofQueue = Math.min(gained, this.sending.length), finAcked = gained > ofQueue;
    if (this.measure !== undefined && distance(ack, this.measure.seq) >= 0) {
      this.timer.measured(nowNs - this.measure.atNs);
      this.measure = undefined;
    }
    this.sendUna = ack;
    if (distance(this.sendNext, ack) < 0) this.sendNext = ack;
    this.sending.drop(ofQueue);
    this.congestion.acknowledged(ofQueue);
    this.retries = 0;
    this.timer.progress();
    this.duplicates = 0;
    if (this.sendMax === ack) this.timer.stop();
    else this.timer.start(nowNs);
    // A partial acknowledgement within a recovery tells of the next loss (RFC 6582).
    if (distance(ack, this.recoverUntil) >= 0) this.recovering = false;
    if (this.recovering) this.resendFirst();
    if (finAcked) this.ownEndAcknowledged();
    if (ofQueue > 0) this.io.drained();
  }

  private duplicate(segment: Segment): void {
    const { ack, payload, flags } = segment;
    // A closed window may last for ever, as long as the peer answers probes.
    if (this.peerWindow.bytes === 0) this.retries = 0;
    if (payload.length > 0 || (flags & FIN) !== 0 || this.sendMax === this.sendUna || this.peerWindow.of(segment) !== this.peerWindow.bytes) return;
    if (++this.duplicates !== DUPLICATES_FOR_LOSS || distance(ack, this.recoverUntil) < 0) return;
    this.congestion.lostOne(distance(this.sendMax, this.sendUna));
    this.recoverUntil = this.sendMax;
    this.recovering = true;
    this.measure = undefined;
    this.resendFirst();
  }

  private resendFirst(): void {
    const bytes = Math.min(this.mss, this.sending.length), end = this.endWanted && bytes === this.sending.length;
    this.sendData(this.sendUna, bytes, end ? FIN : 0);
  }

  private ownEndAcknowledged(): void {
    if (this.state === 'FIN-WAIT-1') this.state = 'FIN-WAIT-2';
    else if (this.state === 'CLOSING') this.waitOut();
    else if (this.state === 'LAST-ACK') this.finish('finished');
  }

  /** Takes what is new in a segment, and what waited for it. */
  private take({ seq, payload, flags }: Segment): void {
    const from = distance(this.receiveNext, seq), isEnd = (flags & FIN) !== 0;
    if (isEnd) this.peerEndSeq ??= plus(seq, payload.length);
    if (payload.length === 0 && !isEnd) return;
    this.owe();
    if (this.state === 'CLOSE-WAIT' || this.state === 'CLOSING' || this.state === 'LAST-ACK' || this.state === 'TIME-WAIT') return;
    const fits = payload.subarray(Math.max(0, from), Math.max(0, from + this.window));
    if (from < 0) { this.early.add(seq, payload.subarray(0, Math.max(0, this.window + from))); this.flush(); return; }
    if (fits.length > 0) this.deliver(fits);
    for (let more = this.early.take(this.receiveNext); more !== undefined; more = this.early.take(this.receiveNext)) this.deliver(more);
    if (this.peerEndSeq === this.receiveNext) this.peerEnded();
  }

  private deliver(bytes: Uint8Array): void {
    this.receiveNext = plus(this.receiveNext, bytes.length);
    if (this.state === 'CLOSED') return;
    this.unread += bytes.length;
    this.io.received(bytes);
  }

  private peerEnded(): void {
    const { state } = this;
    if (state !== 'ESTABLISHED' && state !== 'FIN-WAIT-1' && state !== 'FIN-WAIT-2') return;
    this.receiveNext = plus(this.receiveNext, 1);
    if (state === 'ESTABLISHED') this.state = 'CLOSE-WAIT';
    else if (state === 'FIN-WAIT-1') this.state = 'CLOSING';
    else this.waitOut();
    this.io.receivedEnd();
  }

  private waitOut(): void {
    this.state = 'TIME-WAIT';
    this.timer.stop();
    this.timeWaitEndNs = this.io.nowNs() + TIME_WAIT_NS;
  }

  private learnSyn(syn: Segment): void {
    this.receiveNext = plus(syn.seq, 1);
    this.announced = plus(this.receiveNext, Math.min(0xffff, this.receiveBytes));
    this.mss = Math.max(LEAST_MSS, Math.min(this.ownMss, syn.mss ?? DEFAULT_MSS));
    this.congestion = new Congestion(this.mss);
    this.peerWindow.begin(syn);
    this.receiveScale = syn.windowScale === undefined ? 0 : WINDOW_SCALE;
  }

  private establish(segment: Segment): void {
    const { ack } = segment;
    this.state = 'ESTABLISHED';
    this.sendUna = this.sendNext = ack;
    this.peerWindow.take(segment);
    this.timer.stop();
    this.timer.progress();
    this.retries = 0;
    this.recoverUntil = ack;
    this.io.established();
  }

  private sendSyn(): void {
    const acks = this.state === 'SYN-RECEIVED';
    this.sendMax = this.sendNext = plus(this.sendUna, 1);
    this.timer.start(this.io.nowNs());
    this.ackOwed = false;
    this.io.send({
      seq: this.sendUna, ack: acks ? this.receiveNext : 0, flags: SYN | (acks ? ACK : 0), window: Math.min(0xffff, this.receiveBytes), payloadBytes: 0,
      mss: this.ownMss, windowScale: acks && this.receiveScale === 0 ? undefined : WINDOW_SCALE, segmentBytes: this.mss,
    });
  }

  /** Sends what may be sent: the window, the congestion window and the network allow it. */
  private output(): void {
    if (!this.canSend) return;
    for (;;) {
      const inFlight = distance(this.sendNext, this.sendUna), waiting = this.sending.length - inFlight;
      const bytes = Math.min(waiting, Math.min(this.peerWindow.bytes, this.congestion.windowBytes) - inFlight, this.longest);
      const isEnd = this.endWanted && waiting >= 0 && Math.max(0, bytes) === waiting;
      // No silly windows: a small piece of more goes out only when nothing is under way.
      if (bytes <= 0 ? !isEnd : bytes < Math.min(waiting, this.mss) && inFlight > 0) break;
      if (!this.sendData(this.sendNext, Math.max(0, bytes), isEnd ? FIN : 0)) break;
      if (isEnd) { this.ownEndSent(); break; }
    }
    // For what is under way, or for a window that is closed.
    if ((this.sendMax !== this.sendUna || this.sending.length > 0) && !this.timer.isRunning) this.timer.start(this.io.nowNs());
  }

  private ownEndSent(): void {
    if (this.state === 'ESTABLISHED') this.state = 'FIN-WAIT-1';
    else if (this.state === 'CLOSE-WAIT') this.state = 'LAST-ACK';
  }

  private sendData(seq: number, bytes: number, end: number): boolean {
    const offset = distance(seq, this.sendUna), last = offset + bytes === this.sending.length;
    const sent = this.emit(ACK | end | (last && bytes > 0 ? PSH : 0), seq, bytes, into => this.sending.copy(offset, into));
    if (!sent) return false;
    const next = plus(seq, bytes + (end === 0 ? 0 : 1));
    if (distance(next, this.sendMax) > 0) {
      this.measure ??= { seq: next, atNs: this.io.nowNs() };
      this.sendMax = next;
    }
    if (distance(next, this.sendNext) > 0) this.sendNext = next;
    return true;
  }

  /** One byte beyond a closed window, which the peer answers. */
  private probe(): void {
    this.emit(ACK, this.sendUna, 1, into => this.sending.copy(0, into));
    const next = plus(this.sendUna, 1);
    if (distance(next, this.sendMax) > 0) this.sendMax = next;
  }

  private emit(flags: number, seq: number, payloadBytes = 0, fill?: (into: Uint8Array) => void): boolean {
    const window = this.window, scaled = Math.min(0xffff, window >>> this.receiveScale);
    const sent = this.io.send({ seq, ack: (flags & ACK) !== 0 ? this.receiveNext : 0, flags, window: scaled, payloadBytes, ...(fill && { fill }), segmentBytes: this.mss });
    this.blocked = !sent;
    if (sent && (flags & ACK) !== 0) {
      this.ackOwed = false;
      this.announced = plus(this.receiveNext, scaled << this.receiveScale);
    }
    return sent;
  }

  private owe(): void { this.ackOwed = true; }

  private finish(end: TcpEnd): void {
    if (this.state === 'CLOSED') return;
    this.state = 'CLOSED';
    this.timer.stop();
    this.timeWaitEndNs = Infinity;
    this.io.closed(end);
  }

  private get window() { return Math.max(0, this.receiveBytes - this.unread); }
  private get longest() { return Math.max(this.mss, Math.floor(LONGEST_BYTES / this.mss) * this.mss); }
  private get hasPeer() { return this.state !== 'LISTEN' && this.state !== 'SYN-SENT' && this.state !== 'CLOSED'; }
  /** FIN may have to be sent again. */
  private get canSend() { return this.hasPeer && this.state !== 'SYN-RECEIVED' && this.state !== 'TIME-WAIT' && this.state !== 'FIN-WAIT-2'; }
}
