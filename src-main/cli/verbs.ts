/**
 * The commands that are calls of the engine (shared/api/verbs.ts): of the engine that runs on the data folder, or, when none
 * does, of one that lives for the command. What starts a task waits for its end; interrupted, it cancels the task.
 */
import { resolve } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import type { EngineApi } from '../../shared/api/engine-api.ts';
import type { EngineEvents } from '../../shared/api/engine-events.ts';
import { pagePort } from '../../shared/api/port.ts';
import { connect, type Connection } from '../../shared/api/rpc.ts';
import { VERBS, type Parameter, type Values, type Verb } from '../../shared/api/verbs.ts';
import { EngineError } from '../../shared/base/errors.ts';
import type { TaskId } from '../../shared/base/ids.ts';
import type { Task } from '../../shared/model/task.ts';
import { defaultDataPath } from '../engine/data-folder.ts';
import { connectLocally } from '../engine/local-socket.ts';
import { tableOf } from './verb-output.ts';
import { valueOf, type Reading } from './verb-values.ts';

type Client = Connection<EngineApi, EngineEvents>;
interface Common { readonly data: string; readonly json?: true; readonly wait: boolean }

/** What only an engine that stays can do. */
const NEEDS_ENGINE = /^vm (power-on|restart|stats|capture)$/;

/** The command of a noun, with all its verbs. */
export function nounCommand(noun: string): Command {
  const command = new Command(noun).description(VERBS.filter(each => nounOf(each) === noun).map(each => each.words.split(' ')[1]).join(', '));
  for (const verb of VERBS) if (nounOf(verb) === noun) command.addCommand(verbCommand(verb));
  return command;
}

const nounOf = ({ words }: Verb): string => words.split(' ')[0] as string;
export const NOUNS = [...new Set(VERBS.map(nounOf))];

function verbCommand(verb: Verb): Command {
  const command = new Command(verb.words.split(' ')[1]).description(verb.text);
  for (const { name, kind, text, option, optional } of verb.parameters) {
    if (option !== true) command.argument(kind === 'objects' ? `<${name}...>` : `<${name}>`, text);
    else if (kind === 'flag') command.option(`--${name}`, text);
    else if (optional) command.option(`--${name} <${name}>`, text);
    else command.requiredOption(`--${name} <${name}>`, text);
  }
  return command
    .option('--json', 'print the result as JSON').option('--no-wait', 'do not wait for the end of the task').option('--data <folder>', 'the engine’s data folder', defaultDataPath())
    .action(async (...args: unknown[]) => {
      const positional = args.slice(0, -2), options = args.at(-2) as Common & Record<string, string | boolean | undefined>;
      await run(verb, givenTo(verb.parameters, positional, options), options);
    });
}

type Given = Readonly<Record<string, string | readonly string[] | boolean | undefined>>;
function givenTo(parameters: readonly Parameter[], positional: readonly unknown[], options: Readonly<Record<string, unknown>>): Given {
  const [...left] = positional;
  return Object.fromEntries(parameters.map(({ name, option }) => [name, (option === true ? options[name] : left.shift()) as string | undefined]));
}

async function run(verb: Verb, given: Given, options: Common): Promise<void> {
  await withEngine(verb, resolve(options.data), async client => {
    const values = await valuesOf(verb, given, client), result = await verb.call(client.api, values);
    if (isTaskId(result) && options.wait) await follow(client, result, options.json === true);
    else print(isTaskId(result) ? await client.api.tasks.get(result) : result ?? null, options.json === true);
  });
}

const isTaskId = (result: unknown): result is TaskId => typeof result === 'string' && result.startsWith('task-');

async function withEngine(verb: Verb, dataPath: string, use: (client: Client) => Promise<void>): Promise<void> {
  const running = await connectLocally(dataPath);
  if (running !== undefined) {
    try { await use(connect<EngineApi, EngineEvents>(running)); } finally { running.close(); }
    return;
  }
  if (NEEDS_ENGINE.test(verb.words)) throw new EngineError('no-engine', 'No engine is running on this data folder: start the app, or "quarterdeck serve".');
  const [{ Engine }, { startVm }] = await Promise.all([import('../engine/engine.ts'), import('../hypervisor/start-vm.ts')]);
  const engine = await Engine.open({ dataPath, startVm }), { port1, port2 } = new MessageChannel();
  try {
    engine.connect(pagePort(port2));
    await use(connect<EngineApi, EngineEvents>(pagePort(port1)));
  } finally {
    port1.close();
    await engine.close();
  }
}

async function valuesOf(verb: Verb, given: Given, { api }: Client): Promise<Values> {
  const reading: Reading = { objects: await api.inventory.list() };
  const values: Record<string, unknown> = {};
  for (const { name, kind } of verb.parameters) {
    const value = given[name];
    if (value === undefined) continue;
    try { values[name] = valueOf(kind, value, reading); } catch (error) {
      if (error instanceof InvalidArgumentError) throw new EngineError('invalid', `${name}: ${error.message}`);
      throw error;
    }
  }
  return values;
}

/** With progress on a terminal. */
async function follow(client: Client, id: TaskId, asJson: boolean): Promise<void> {
  const { api } = client, cancel = () => { api.tasks.cancel(id).catch((error: unknown) => process.stderr.write(`quarterdeck: ${error instanceof Error ? error.message : String(error)}\n`)); };
  process.on('SIGINT', cancel);
  try {
    const task = await new Promise<Task>((resolveTask, reject) => {
      const see = (now: Task) => {
        if (now.id !== id) return;
        if (process.stderr.isTTY && now.progress !== undefined) process.stderr.write(`\r\x1b[K${now.name}: ${(now.progress * 100).toFixed(0)} % ${now.details ?? ''}`);
        if (now.completedMs !== undefined) resolveTask(now);
      };
      client.on('task.changed', see);
      api.engine.subscribe().then(() => api.tasks.get(id)).then(see, reject);
    });
    if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
    if (asJson) process.stdout.write(`${JSON.stringify(task)}\n`);
    if (task.state !== 'success') throw new EngineError('task', task.error ?? `The task "${task.name}" was cancelled.`);
    if (!asJson) process.stdout.write(`${task.name}: ${task.result?.name ?? task.target.name}: done.\n`);
  } finally { process.off('SIGINT', cancel); }
}

function print(result: unknown, asJson: boolean): void {
  process.stdout.write(asJson || !Array.isArray(result) ? `${JSON.stringify(result, undefined, asJson ? undefined : 2)}\n` : tableOf(result as readonly object[]));
}
