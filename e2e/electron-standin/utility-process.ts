/** `utilityProcess`: a forked Node process; ports pass through the main process. */
import { fork, type ChildProcess } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { join } from 'node:path';
import type Electron from 'electron';
import { closedByHolder, sentThrough, transferPorts, type PortHolder } from './message-ports.ts';
import { notImplemented } from './strict.ts';
import type { FromUtility, ToUtility } from './utility-preload.ts';

const running = new Set<UtilityProcess>();

export class UtilityProcess extends EventEmitter implements Pick<Electron.UtilityProcess, 'pid' | 'postMessage' | 'kill'> {
  readonly serviceName: string;
  private readonly child: ChildProcess;
  private readonly ports = new Set<number>();
  private alive = true;

  constructor(entry: string, args: readonly string[], serviceName: string, env: NodeJS.ProcessEnv) {
    super();
    this.serviceName = serviceName;
    this.child = fork(entry, [...args], { env, serialization: 'advanced', execArgv: ['--import', join(import.meta.dirname, 'utility-preload.ts')], stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    running.add(this);
    this.child.on('spawn', () => this.emit('spawn'));
    this.child.on('message', message => this.received(message as FromUtility));
    this.child.on('exit', code => this.exited(code ?? 1));
  }

  get pid(): number | undefined { return this.alive ? this.child.pid : undefined; }

  postMessage(data: unknown, transfer?: readonly unknown[]): void {
    const ports = transferPorts(transfer, this.holder());
    for (const port of ports) this.ports.add(port);
    this.tell({ kind: 'parent', data, ports });
  }

  kill(): boolean { return this.child.kill(); }

  private holder(): PortHolder {
    return {
      message: (port, data) => this.tell({ kind: 'port', port, data }),
      closed: port => { this.ports.delete(port); this.tell({ kind: 'closed', port }); },
    };
  }

  private tell(message: ToUtility): void { if (this.alive && this.child.connected) this.child.send(message); }

  private received(message: FromUtility): void {
    switch (message.kind) {
      case 'parent': this.emit('message', message.data); break;
      case 'port': sentThrough(message.port, message.data); break;
      case 'closed': this.ports.delete(message.port); closedByHolder(message.port); break;
      default: message satisfies never;
    }
  }

  private exited(code: number): void {
    this.alive = false;
    running.delete(this);
    for (const port of this.ports) closedByHolder(port);
    this.emit('exit', code);
  }
}

export const utilityProcesses = (): readonly UtilityProcess[] => [...running];

type Fork = typeof Electron.utilityProcess.fork;
export const utilityProcess = {
  fork(entry: Parameters<Fork>[0], args: Parameters<Fork>[1] = [], { serviceName, stdio, env, ...others }: NonNullable<Parameters<Fork>[2]> = {}): UtilityProcess {
    const [unknown] = Object.keys(others);
    if (unknown !== undefined || (stdio !== undefined && stdio !== 'inherit')) throw notImplemented(`the option ${unknown ?? 'stdio'} of utilityProcess.fork`);
    return new UtilityProcess(entry, args, serviceName ?? 'Node Utility Process', { ...(env ?? process.env) });
  },
};
