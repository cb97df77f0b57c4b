#!/usr/bin/env -S MALLOC_ARENA_MAX=1 MALLOC_TRIM_THRESHOLD_=65536 node
/**
 * The `quarterdeck` command. A command's code is loaded only when it is the one asked for: `run` is to reach its
 * guest's first instruction within a second. Bad usage ends with code 2 and one sentence on stderr.
 *
 * The first line's settings are glibc's: V8's compiler threads share one heap and give back what they freed, 80 MiB in all.
 */
import { Command, CommanderError } from 'commander';
import { VERSION } from '../engine/build-info.ts';

const USAGE_CODE = 2, FAILURE_CODE = 1;

const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  run: async () => (await import('./run.ts')).runCommand,
  disk: async () => (await import('./disk.ts')).diskCommand,
  acpi: async () => (await import('./acpi.ts')).acpiCommand,
  serve: async () => (await import('./serve.ts')).serveCommand,
};

/** The nouns of `shared/api/verbs.ts`, which is not loaded for the commands above. */
async function nouns(): Promise<Readonly<Record<string, () => Promise<Command>>>> {
  const { NOUNS, nounCommand } = await import('./verbs.ts');
  return Object.fromEntries(NOUNS.map(noun => [noun, () => Promise.resolve(nounCommand(noun))]));
}

async function program(args: readonly string[]): Promise<Command> {
  const quarterdeck = new Command('quarterdeck')
    .description('A datacenter on the desk: its console and its hypervisor')
    .version(VERSION)
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(`quarterdeck: ${sentence(text)}\n`) });
  const asked = args.find(arg => !arg.startsWith('-'));
  const all = asked !== undefined && Object.hasOwn(COMMANDS, asked) ? COMMANDS : { ...COMMANDS, ...await nouns() };
  const load = asked !== undefined && Object.hasOwn(all, asked) ? [all[asked]] : Object.values(all);
  for (const one of load) if (one) quarterdeck.addCommand(inheriting(await one(), quarterdeck));
  return quarterdeck;
}

/** Commander gives its settings to commands that it makes, not to those that are added. */
function inheriting(command: Command, parent: Command): Command {
  command.copyInheritedSettings(parent);
  for (const below of command.commands) inheriting(below, command);
  return command;
}

/** Commander says `error: unknown option '--x'`, with a suggestion on a line of its own. */
function sentence(text: string): string {
  const plain = text.replace(/^error: /, '').trim().replaceAll(/\s*\n\s*/g, ' ');
  return /[.)?]$/.test(plain) ? plain : `${plain}.`;
}

async function main(args: readonly string[]): Promise<void> {
  const quarterdeck = await program(args);
  try {
    if (args.length === 0) quarterdeck.error('a command is missing: run, serve, disk, vm, … (see quarterdeck --help)');
    await quarterdeck.parseAsync(args, { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : USAGE_CODE;
    else throw error;
  }
}

try { await main(process.argv.slice(2)); } catch (error) {
  process.stderr.write(`quarterdeck: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = FAILURE_CODE;
}
