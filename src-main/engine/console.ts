/**
 * One VM's serial console: fans its output out to every client that is attached, keeps the newest of it for those who
 * come later, and lets nobody be flooded. A client has at most WINDOW_BYTES unacknowledged; the VM waits for the
 * slowest client, unless that one has shown nothing for STALL_MS: then it loses output, and is told how much.
 * Positions count the bytes of output since the engine started.
 */
import type { RunningVm } from '../hypervisor/vm-launch.ts';

const WINDOW_BYTES = 256 * 1024;
const REPLAY_BYTES = 256 * 1024;
/** A client that begins with a whole replay must not be overrun while the VM fills its own window. */
const KEPT_BYTES = REPLAY_BYTES + WINDOW_BYTES;
const STALL_MS = 10_000;

export interface ConsoleClient {
  /** More of the output was shown. */
  acknowledge(bytes: number): void;
  write(bytes: Uint8Array): void;
  detach(): void;
}

interface Client { readonly output: (bytes: Uint8Array) => void; sent: number; shown: number; stalled: boolean; timer?: NodeJS.Timeout }

type ConsoleVm = Pick<RunningVm, 'consoleInput' | 'acknowledgeConsole'>;

export class Console {
  private readonly clients = new Set<Client>();
  /** The byte at a position lies at the position modulo KEPT_BYTES. */
  private readonly ring = new Uint8Array(KEPT_BYTES);
  /** Positions of the end, and of what the VM was told is taken. */
  private end = 0;
  private taken = 0;
  private vm: ConsoleVm | undefined;

  /** Output and input belong to this VM from now on. */
  poweredOn(vm: ConsoleVm): void {
    this.vm = vm;
    this.taken = this.end;
  }

  poweredOff(): void { this.vm = undefined; }

  output(bytes: Uint8Array): void {
    this.keep(bytes);
    for (const client of this.clients) this.feed(client);
    this.release();
  }

  /** `output` gets the replay at once. Bytes written to a VM that is off go nowhere, as on any serial line. */
  attach(output: (bytes: Uint8Array) => void): ConsoleClient {
    const from = Math.max(this.start, this.end - REPLAY_BYTES);
    const client: Client = { output, sent: from, shown: from, stalled: false };
    this.clients.add(client);
    this.feed(client);
    return {
      acknowledge: bytes => this.acknowledged(client, bytes),
      write: bytes => this.vm?.consoleInput(bytes),
      detach: () => this.detach(client),
    };
  }

  private get start(): number { return Math.max(0, this.end - KEPT_BYTES); }

  private keep(bytes: Uint8Array): void {
    const kept = bytes.subarray(-KEPT_BYTES), at = (this.end + bytes.length - kept.length) % KEPT_BYTES;
    const head = kept.subarray(0, KEPT_BYTES - at);
    this.ring.set(head, at);
    this.ring.set(kept.subarray(head.length), 0);
    this.end += bytes.length;
  }

  private acknowledged(client: Client, bytes: number): void {
    client.shown = Math.min(client.shown + bytes, client.sent);
    client.stalled = false;
    this.watch(client);
    this.feed(client);
    this.release();
  }

  private detach(client: Client): void {
    this.clients.delete(client);
    clearTimeout(client.timer);
    this.release();
  }

  private feed(client: Client): void {
    if (client.stalled) return;
    if (client.sent < this.start) this.skip(client);
    const until = Math.min(this.end, client.shown + WINDOW_BYTES);
    if (until > client.sent) {
      const bytes = this.slice(client.sent, until);
      client.sent = until;
      client.output(bytes);
    }
    if (client.timer === undefined) this.watch(client);
  }

  /** The notice is not part of the output, so it is not counted either; clients acknowledge at most what was sent. */
  private skip(client: Client): void {
    client.output(new TextEncoder().encode(`\r\n[${this.start - client.sent} bytes of output were skipped]\r\n`));
    client.sent = client.shown = this.start;
  }

  /** Gives the client another STALL_MS to show what it has, if it has anything. */
  private watch(client: Client): void {
    clearTimeout(client.timer);
    delete client.timer;
    if (client.shown === client.sent) return;
    client.timer = setTimeout(() => { client.stalled = client.sent - client.shown >= WINDOW_BYTES; delete client.timer; this.release(); }, STALL_MS).unref();
  }

  /** Tells the VM what everybody has taken. */
  private release(): void {
    const shown = [...this.clients].filter(client => !client.stalled).map(client => client.shown);
    const taken = Math.min(this.end, ...shown);
    if (taken <= this.taken) return;
    this.vm?.acknowledgeConsole(taken - this.taken);
    this.taken = taken;
  }

  private slice(from: number, until: number): Uint8Array {
    const at = from % KEPT_BYTES, length = until - from, head = this.ring.slice(at, at + length);
    if (head.length === length) return head;
    const bytes = new Uint8Array(length);
    bytes.set(head);
    bytes.set(this.ring.subarray(0, length - head.length), head.length);
    return bytes;
  }
}
