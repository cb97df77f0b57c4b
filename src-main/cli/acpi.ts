/** `quarterdeck acpi`: makes ACPI tables of a device tree, and says what became of its nodes. Needs no engine. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { EngineError, messageOf } from '../../shared/base/errors.ts';
import { english } from '../../shared/base/phrase.ts';
import type { Became, NodeExplanation, TablesExplanation } from '../../shared/model/firmware-tables.ts';
import { acpiTables, type AcpiTables } from '../firmware/acpi/convert.ts';

export const acpiCommand = new Command('acpi').description('make ACPI tables of device trees');

acpiCommand.command('convert <dtb>').description('write the ACPI tables of a flattened device tree, each to a file such as DSDT.aml')
  .requiredOption('--out <folder>', 'folder for the tables').option('--json', 'print what became of each node as JSON')
  .action((path: string, { out, json }: { out: string; json?: true }) => {
    const { tables, explanation } = tablesOf(path);
    orSentence(`The tables cannot be written to ${out}`, () => {
      mkdirSync(out, { recursive: true });
      for (const { signature, bytes } of tables) writeFileSync(join(out, `${signature}.aml`), bytes);
    });
    process.stdout.write(json ? `${JSON.stringify(explanation)}\n` : tables.map(({ signature, bytes }) => `${join(out, `${signature}.aml`)}: ${bytes.length} bytes\n`).join(''));
  });

acpiCommand.command('explain <dtb>').description('print what becomes of each node of a flattened device tree').option('--json', 'print it as JSON')
  .action((path: string, { json }: { json?: true }) => {
    const { explanation } = tablesOf(path);
    process.stdout.write(json ? `${JSON.stringify(explanation)}\n` : explanationText(explanation));
  });

const tablesOf = (path: string): AcpiTables => acpiTables({ deviceTree: orSentence(`The device tree ${path} cannot be read`, () => readFileSync(path)) });

function orSentence<T>(what: string, work: () => T): T {
  try { return work(); } catch (error) { throw new EngineError('file', `${what}: ${messageOf(error)}.`); }
}

export const explanationText = (explanation: TablesExplanation): string => (explanation.kind === 'skipped' ? `${english(explanation.why)}\n` : `${lines(explanation.root, '').join('\n')}\n`);

function lines({ name, compatible, fate, became, notes, children }: NodeExplanation, indent: string): string[] {
  const kind = compatible.length === 0 ? '' : ` (${compatible.join(', ')})`;
  return [
    `${indent}${name}${kind}: ${fate === 'converted' || fate === 'part' ? `${fate === 'part' ? 'part of ' : ''}${became.map(becameText).join(', ')}` : fate}`.replace(/: (part of )?$/, ': part'),
    ...notes.map(note => `${indent}    ${english(note)}`), ...children.flatMap(child => lines(child, `${indent}  `)),
  ];
}

const becameText = ({ table, object, id }: Became): string => [table, object, id === undefined ? undefined : `(${id})`].filter(each => each !== undefined).join(' ');
