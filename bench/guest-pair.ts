/**
 * `guest-pair.ts SIDE KERNEL INITRD COMMAND-LINE COMMAND-LINE`: two guests with nothing but each other on their network, here
 * on a virtual switch, under QEMU through a socket. The console of the first is this process's; when it ends so does the other.
 */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { freePort } from '../scripts/free-port.ts';
import { startVm } from '../src-main/hypervisor/start-vm.ts';
import type { RunningVm } from '../src-main/hypervisor/vm-launch.ts';
import { MEMORY_MIB, qemu } from './guest-run.ts';

const COUNTER_HZ = 62_500_000;
const [side, kernel = '', initrd = '', ...commandLines] = process.argv.slice(2);

function ours(): void {
  const vms: RunningVm[] = commandLines.map((commandLine, place) => startVm({
    name: `guest ${place}`, cpus: 1, memoryMib: MEMORY_MIB, counterHz: COUNTER_HZ, guest: { kind: 'linux', kernelPath: kernel, initrdPath: initrd, commandLine }, disks: [], nics: [{ kind: 'switch', switch: 'bench', connected: true }],
  }, {
    started: () => { if (place === 0) process.stdin.on('data', (bytes: Buffer) => vms[0]?.consoleInput(bytes)); },
    consoleOutput: bytes => { if (place === 0) process.stdout.write(bytes); vms[place]?.acknowledgeConsole(bytes.length); },
    resetByGuest: () => { /* it is told not to */ },
    stopped: stop => {
      if (stop.kind === 'failed') console.error(stop.message);
      if (place === 0) process.exit(stop.kind === 'poweredOff' ? 0 : 1);
    },
  }, { stopOnReset: true }));
}

/** The one that is connected to has to listen first. */
async function peers(): Promise<void> {
  const port = await freePort(), [first = '', second = ''] = commandLines;
  const start = (commandLine: string, end: string, place: number) => spawn(qemu.command, [...qemu.args({ kernel, initrd, commandLine }), '-netdev', `socket,id=n,${end}=127.0.0.1:${port}`, '-device', `virtio-net-pci,netdev=n,romfile=,mac=52:54:00:12:34:0${place}`],
    { stdio: place === 0 ? 'inherit' : 'ignore' });
  const serving = start(second, 'listen', 1);
  while (!isListening(port)) await new Promise(resolve => { setTimeout(resolve, 20); });
  start(first, 'connect', 0).once('close', code => {
    serving.kill();
    process.exitCode = code ?? 1;
  });
  process.once('SIGTERM', () => serving.kill());
}

/** To connect in order to find out would be to be the other guest. */
const isListening = (port: number): boolean => readFileSync('/proc/net/tcp', 'utf8').includes(`:${port.toString(16).toUpperCase().padStart(4, '0')} 00000000:0000 0A`);

if (side === qemu.name) await peers();
else ours();
