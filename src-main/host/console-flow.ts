/** Most output that may be on its way to a reader. */
const LIMIT_BYTES = 256 * 1024;

/** Counts console output that was sent and not read yet, and says when the machine has to wait. */
export class ConsoleFlow {
  private outstanding = 0;
  private readonly changed: (ready: boolean) => void;

  constructor(changed: (ready: boolean) => void) { this.changed = changed; }

  get ready(): boolean { return this.outstanding < LIMIT_BYTES; }

  sent(bytes: number): void { this.move(bytes); }
  acknowledged(bytes: number): void { this.move(-Math.min(bytes, this.outstanding)); }

  private move(bytes: number) {
    const before = this.ready;
    this.outstanding += bytes;
    if (this.ready !== before) this.changed(this.ready);
  }
}
