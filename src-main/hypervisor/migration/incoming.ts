/** The destination's half of a live migration. Nothing runs before the source has given the guest away. */
import { deserialize, serialize } from 'node:v8';
import { EngineError, saidOf } from '../../../shared/base/errors.ts';
import { messageFields } from '../../../shared/base/phrase.ts';
import type { SavedMachine } from '../state-file.ts';
import type { Vm } from '../vm.ts';
import type { PortChannel } from './channel.ts';
import { pagesIn } from './following-memory.ts';
import { ArrivingPages, damaged, MIGRATION_FORMAT, packed, unpacked, type Kind, type MigrationMessage } from './messages.ts';
import { hashOf, type Handed } from './outgoing.ts';

const STATE_BYTES_MOST = 2 ** 29;

export class IncomingMigration {
  private readonly vm: Pick<Vm, 'ram' | 'prefault' | 'save' | 'restore' | 'checkIsSame' | 'expect' | 'following'>;
  private readonly channel: PortChannel;
  private readonly link: SharedArrayBuffer | undefined;

  /** Of a VM that is paused and has never run. */
  constructor(vm: Pick<Vm, 'ram' | 'prefault' | 'save' | 'restore' | 'checkIsSame' | 'expect' | 'following'>, channel: PortChannel, link?: SharedArrayBuffer) {
    this.vm = vm;
    this.channel = channel;
    this.link = link;
  }

  /** Resolves when the guest is this machine's: its disks may be opened, and then it runs. Rejects, and says so to the source, when it cannot be. */
  async receive(): Promise<void> {
    await this.orRefuse(async () => {
      this.check(await this.next('machine'));
      await this.rehearse();
      await this.say('ready');
      const { ram } = this.vm, bytes = ram.view(ram.base, ram.sizeBytes)!, pages = new ArrivingPages(bytes);
      for (;;) {
        const { kind, payload } = await this.channel.receive();
        if (kind === 'pages') await pages.place(payload);
        else if (kind === 'state') { this.restore(payload, bytes); break; }
        else throw damaged();
      }
      await this.say('restored');
      await this.next('yours');
    });
  }

  /** It runs, or, when `open` rejects, the source goes on. The channel is no longer this thread's when memory follows. */
  async takeOver(open: () => Promise<void>): Promise<void> {
    await this.orRefuse(open);
    if (this.vm.following !== undefined) {
      this.vm.following.receiveFrom(this.channel.handOver(), this.link);
      return;
    }
    // A source that does not hear it asks.
    await this.say('running').catch(() => undefined);
  }

  /** Takes up what it is already: what is done for the first time takes three times as long, and the guest would wait for it. */
  private async rehearse(): Promise<void> {
    this.vm.prefault();
    this.vm.restore((deserialize(unpacked(packed(serialize({ state: await this.vm.save() })), STATE_BYTES_MOST)) as Handed).state);
  }

  private restore(payload: Uint8Array, ram: Uint8Array): void {
    const { state, hash, missing } = deserialize(unpacked(payload, STATE_BYTES_MOST)) as Handed;
    if (hash !== undefined && hash !== hashOf(ram, missing && pagesIn(missing))) throw new EngineError('migration.memory', 'The memory that came over is not what the guest has.');
    if (missing !== undefined) {
      this.channel.persist();
      this.vm.expect(missing);
    }
    this.vm.restore(state);
  }

  private check(payload: Uint8Array): void {
    const { format, ...machine } = JSON.parse(Buffer.from(payload).toString()) as SavedMachine & { readonly format: number };
    if (format !== MIGRATION_FORMAT) throw new EngineError('migration.format', 'The source has another version of Quarterdeck, which migrates in another way.');
    this.vm.checkIsSame(machine);
  }

  private async next(wanted: Kind): Promise<Uint8Array> {
    const { kind, payload }: MigrationMessage = await this.channel.receive();
    if (kind !== wanted) throw damaged();
    return payload;
  }

  private async orRefuse(work: () => Promise<void>): Promise<void> {
    try { await work(); } catch (error) {
      await this.say('refused', Buffer.from(JSON.stringify(messageFields(saidOf(error))))).catch(() => undefined);
      throw error;
    }
  }

  private async say(kind: Kind, payload: Uint8Array = new Uint8Array()): Promise<void> { await this.channel.send({ kind, payload }); }
}
