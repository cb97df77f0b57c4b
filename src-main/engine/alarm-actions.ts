/** What alarms do when they go off: tell who is connected, run a command, stop the VM; the latter two by tasks. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { EngineError } from '../../shared/base/errors.ts';
import type { VmId } from '../../shared/base/ids.ts';
import { say, type Said } from '../../shared/base/phrase.ts';
import { alarmName, type AlarmAction, type AlarmDefinition, type TriggeredAlarm } from '../../shared/model/alarm.ts';
import type { Engine } from './engine.ts';

const MOST_MS = 60_000, MOST_OUTPUT = 2000;

export class AlarmActions {
  private readonly engine: Pick<Engine, 'tasks' | 'power' | 'notifications'>;
  private readonly actedMs = new Map<string, number>();

  constructor(engine: Pick<Engine, 'tasks' | 'power' | 'notifications'>) { this.engine = engine; }

  begin(definition: AlarmDefinition, alarm: TriggeredAlarm, atMs: number): void {
    this.actedMs.set(alarm.id, atMs);
    for (const action of definition.actions) if (action.at === 'both' || action.at === alarm.level) this.act(action, alarm);
  }

  repeat({ repeatMinutes, actions }: AlarmDefinition, alarm: TriggeredAlarm, atMs: number): void {
    if (repeatMinutes === undefined || alarm.acknowledgedMs !== undefined || atMs - (this.actedMs.get(alarm.id) ?? alarm.sinceMs) < repeatMinutes * 60_000) return;
    this.actedMs.set(alarm.id, atMs);
    for (const action of actions) if ((action.kind === 'notify' || action.kind === 'command') && (action.at === 'both' || action.at === alarm.level)) this.act(action, alarm);
  }

  private act(action: AlarmAction, alarm: TriggeredAlarm): void {
    const { tasks, power, notifications } = this.engine, { object, name } = alarm, id = object.id as VmId;
    const run = (title: Said, work: () => Promise<void>) => tasks.launch(title, object, work, { initiator: `alarm ${name}` });
    switch (action.kind) {
      case 'notify': notifications.raise({ level: alarm.level, title: say`${object.name}: ${alarmName(name)}`, text: alarm.causePhrase ?? alarm.cause, target: object }); break;
      case 'command': run(say`Run command of an alarm`, () => runCommand(action.command, alarm)); break;
      case 'powerOff': run(say`Power off virtual machine`, () => power.off(id)); break;
      case 'suspend': tasks.launch(say`Suspend virtual machine`, object, context => power.suspend(id, context), { cancelable: true, initiator: `alarm ${name}` }); break;
      default: action satisfies never;
    }
  }
}

/** What the alarm is about comes by the environment, where a name cannot become part of the command. */
async function runCommand(command: string, { name, level, cause, object }: TriggeredAlarm): Promise<void> {
  const env = { ...process.env, QUARTERDECK_ALARM: name, QUARTERDECK_LEVEL: level, QUARTERDECK_CAUSE: cause, QUARTERDECK_OBJECT: object.name, QUARTERDECK_OBJECT_KIND: object.kind, QUARTERDECK_OBJECT_ID: object.id };
  const child = spawn('/bin/sh', ['-c', command], { env, stdio: ['ignore', 'ignore', 'pipe'], timeout: MOST_MS, killSignal: 'SIGKILL' });
  let said = '';
  child.stderr.on('data', (bytes: Buffer) => { said = (said + bytes.toString()).slice(-MOST_OUTPUT); });
  const [code] = await once(child, 'close') as [number | null];
  if (code !== 0) throw new EngineError('command-failed', code === null ? say`The command was ended, as it took longer than ${MOST_MS / 1000} seconds.` : said.trim() === '' ? say`The command ended with code ${code}.` : say`The command ended with code ${code}: ${said.trim()}.`);
}
