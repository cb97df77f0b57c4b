/** For tests: a VM in its worker, with what it printed and a way to wait for more of it. */
import type { VmProfile } from './profile.ts';
import { startVm } from './start-vm.ts';
import type { RunningVm, VmLaunch, VmListener, VmStop } from './vm-launch.ts';

const LINES_SHOWN = 15;

export class GuestSession {
  readonly vm: RunningVm;
  readonly stopped: Promise<VmStop>;
  resets = 0;
  /** Of a launch that asked for it, when the VM has stopped. */
  profile: VmProfile | undefined;
  private output = '';
  private consumed = 0;
  private changed: () => void = () => { /* nobody waits */ };
  private stop: VmStop | undefined;

  constructor(launch: Partial<VmLaunch>, options: { stopOnReset?: boolean; keepEfiVariables?: VmListener['keepEfiVariables'] } = {}) {
    const decoder = new TextDecoder();
    let end: (stop: VmStop) => void = () => { /* replaced at once */ };
    this.stopped = new Promise(resolve => { end = resolve; });
    this.vm = startVm({ name: 'test', cpus: 1, memoryMib: 256, counterHz: 62_500_000, guest: { kind: 'diagnostics' }, disks: [], ...launch }, {
      started: () => { /* output follows */ },
      consoleOutput: bytes => { this.output += decoder.decode(bytes, { stream: true }); this.vm.acknowledgeConsole(bytes.length); this.changed(); },
      resetByGuest: () => { this.resets += 1; },
      profiled: profile => { this.profile = profile; },
      ...(options.keepEfiVariables && { keepEfiVariables: options.keepEfiVariables }),
      stopped: stop => { this.stop = stop; end(stop); this.changed(); },
    }, options);
  }

  /** Waits for text after what was waited for before, and gives all up to its end. */
  async expect(text: string | RegExp): Promise<string> {
    for (;;) {
      const rest = this.output.slice(this.consumed), match = typeof text === 'string' ? (rest.includes(text) ? { index: rest.indexOf(text), 0: text } : null) : text.exec(rest);
      if (match !== null) {
        const end = match.index + match[0].length;
        this.consumed += end;
        return rest.slice(0, end);
      }
      if (this.stop !== undefined) throw new Error(`the guest stopped (${JSON.stringify(this.stop)}) before it printed ${String(text)}; its last lines:\n${this.lastLines()}`);
      await new Promise<void>(resolve => { this.changed = resolve; });
    }
  }

  type(line: string): void { this.vm.consoleInput(new TextEncoder().encode(`${line}\r`)); }

  /** Runs a shell command and gives what it printed. */
  async run(command: string, prompt = '# '): Promise<string> {
    this.type(`${command}; echo "do""ne"`);
    const text = await this.expect('\r\ndone\r\n');
    await this.expect(prompt);
    return text.slice(text.indexOf('\n') + 1, -'done\r\n'.length).trim();
  }

  lastLines(): string { return this.output.split('\n').slice(-LINES_SHOWN).join('\n'); }
}
