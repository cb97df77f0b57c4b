/**
 * `node scripts/catalogs.ts`: makes the keys of the console's catalogs those of the sources. English is written whole; other
 * languages keep what is translated, lose what is no longer said, and are told what they lack, which is then an error.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import ts from 'typescript';
import { parse } from 'vue/compiler-sfc';
import { SENSE } from '../shared/base/phrase.ts';

const ROOT = join(import.meta.dirname, '..');
const CATALOGS = join(ROOT, 'src-renderer/i18n');
/** Whose texts reach the console. The shell speaks English, and so do the tools of tests. */
const SOURCES = ['shared', 'src-renderer', 'src-main/engine', 'src-main/hypervisor', 'src-main/inventory', 'src-main/storage', 'src-main/fabric', 'src-main/devices', 'src-main/firmware', 'src-main/host'];
const PHRASES: ReadonlySet<string> = new Set(['t', 'say']), COUNTED: ReadonlySet<string> = new Set(['plural', 'counted']);

export type Catalog = Readonly<Record<string, string>>;
export interface Found { /** Texts, and the first file that says each. */ readonly texts: ReadonlyMap<string, string>; readonly problems: readonly string[] }

/** Every text of the sources. */
export function findTexts(): Found {
  const texts = new Map<string, string>(), problems: string[] = [];
  for (const folder of SOURCES) {
    for (const entry of readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })) {
      if (!entry.isFile() || !/(?<!\.test|\.d)\.(ts|vue)$/.test(entry.name)) continue;
      const path = join(entry.parentPath, entry.name), file = relative(ROOT, path);
      const problem = (what: string, at: string) => problems.push(`${file}: ${what}: ${at.slice(0, 120)}`);
      for (const code of codeOf(path)) {
        visit(ts.createSourceFile(file, code, ts.ScriptTarget.Latest, true, ts.ScriptKind.TS), text => {
          if (/[@|\n]|\{(?!\d+\}|n\})|(?<!\{(\d+|n))\}/.test(text.replaceAll(' | ', ''))) problem('a text has a character that catalogs read as a mark', text);
          if (!texts.has(text)) texts.set(text, file);
        }, problem);
      }
    }
  }
  return { texts, problems };
}

/** A file's code: a component's script, and each expression in its template. */
function codeOf(path: string): readonly string[] {
  const source = readFileSync(path, 'utf8');
  if (!path.endsWith('.vue')) return [source];
  const { descriptor: { script, scriptSetup, template } } = parse(source, { filename: path });
  return [script?.content, scriptSetup?.content, ...expressions((template?.ast ?? {}) as TemplateNode)].filter(code => code !== undefined);
}

/** Of a template's nodes, what has code in it: `{{ content }}` and the `exp` of a directive. */
interface TemplateNode { readonly type?: unknown; readonly content?: unknown; readonly exp?: unknown; readonly props?: readonly TemplateNode[]; readonly children?: readonly TemplateNode[] }
const sourceOf = (expression: unknown): readonly string[] => (typeof expression === 'object' && expression !== null && 'loc' in expression ? [`(${(expression.loc as { readonly source: string }).source})`] : []);
const expressions = ({ content, exp, props = [], children = [] }: TemplateNode): string[] => [...sourceOf(content), ...sourceOf(exp), ...[...props, ...children].flatMap(expressions)];

function visit(node: ts.Node, found: (text: string) => void, problem: (what: string, at: string) => void): void {
  if (ts.isTaggedTemplateExpression(node) && PHRASES.has(nameOf(node.tag))) found(textOf(node.template));
  if (ts.isCallExpression(node) && COUNTED.has(nameOf(node.expression))) {
    const [, one, many] = node.arguments;
    if (one && many && ts.isStringLiteralLike(one) && ts.isStringLiteralLike(many)) found(`${one.text} | ${many.text}`);
    else if (!node.arguments.some(ts.isSpreadElement)) problem('both forms of a counted text are to be literals', node.getText());
  }
  const said = ts.isNewExpression(node) && nameOf(node.expression) === 'EngineError' ? node.arguments?.[1] : ts.isCallExpression(node) && nameOf(node.expression) === 'translate' ? node.arguments[0] : undefined;
  if (said && ts.isStringLiteralLike(said)) found(said.text);
  else if (said && ts.isTemplateExpression(said)) problem('a sentence with gaps is made by say``', said.getText());
  ts.forEachChild(node, child => visit(child, found, problem));
}

const nameOf = (node: ts.Node): string => (ts.isIdentifier(node) ? node.text : '');
/** As `say` makes it. */
const textOf = (template: ts.TemplateLiteral): string => (ts.isTemplateExpression(template) ? template.templateSpans.reduce((text, { literal }, at) => `${text}{${at}}${literal.text}`, template.head.text) : template.text);

export const readCatalog = (language: string): Catalog => JSON.parse(readFileSync(join(CATALOGS, `${language}.json`), 'utf8')) as Catalog;
export const LANGUAGES: readonly string[] = readdirSync(CATALOGS).filter(name => name.endsWith('.json')).map(name => name.slice(0, -'.json'.length));

/** English as it is shown. */
export const shown = (text: string): string => text.split(' | ').map(form => form.split(SENSE)[0]).join(' | ');

const gaps = (text: string): string => [...new Set(text.match(/\{(n|\d+)\}/g))].filter(gap => gap !== '{n}').sort().join();

/** What is wrong with a translation; absent when nothing is. */
export function translationProblem(text: string, translation: string | undefined): string | undefined {
  if (!translation) return 'is not translated';
  if (gaps(text) !== gaps(translation)) return 'has other gaps than its translation';
  if (translation.split(' | ').length !== text.split(' | ').length) return 'has another number of forms than its translation';
  return /[@\n]|##/.test(translation) ? 'has a translation with a mark in it' : undefined;
}

if (import.meta.main) {
  const { texts, problems } = findTexts(), keys = [...texts.keys()].sort((a, b) => (a < b ? -1 : 1));
  for (const language of LANGUAGES) {
    const before = readCatalog(language), after = Object.fromEntries(keys.map(text => [text, language === 'en' ? shown(text) : before[text] ?? '']));
    writeFileSync(join(CATALOGS, `${language}.json`), `${JSON.stringify(after, undefined, 2)}\n`);
    const wrong = keys.flatMap(text => { const problem = translationProblem(text, after[text]); return problem ? [`${texts.get(text)}: "${text}" ${problem}`] : []; });
    console.log(`${language}: ${keys.length} texts, ${wrong.length} to be translated`);
    for (const line of wrong) console.error(`${language}: ${line}`);
    if (wrong.length > 0) process.exitCode = 1;
  }
  for (const line of problems) console.error(line);
  if (problems.length > 0) process.exitCode = 1;
}
