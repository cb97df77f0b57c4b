/**
 * Debian's arm64 packages on any Debian machine: apt with lists, cache and installed set of its own, so the machine's configuration
 * stays as it is and nobody has to be root. The mirror and its key are those that the machine itself uses.
 */
import { execFile } from 'node:child_process';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const LONG_OUTPUT = 2 ** 26;
export const SUITE = 'bookworm', BACKPORTS = `${SUITE}-backports`;
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

export class Apt {
  /** Lines for a sources.list, with the mirrors that this machine uses. */
  readonly sources: readonly string[];
  private readonly folder: string;

  private constructor(folder: string, sources: readonly string[]) {
    this.folder = folder;
    this.sources = sources;
  }

  /** With fresh lists, in a folder that is the caller's. */
  static async in(folder: string): Promise<Apt> {
    for (const path of ['lists/partial', 'cache/archives/partial']) await mkdir(join(folder, path), { recursive: true });
    const { stdout } = await run('apt-get', ['indextargets', '--format', '$(REPO_URI) $(RELEASE) $(COMPONENT)', 'Created-By: Packages']);
    const targets = stdout.split('\n').filter(line => line.split(' ')[1]?.startsWith(SUITE)), main = targets.find(line => line.endsWith(` ${SUITE} main`));
    if (main === undefined) throw new Error(`this machine's apt has no ${SUITE} main`);
    const sources = [...new Set([...targets, main.replace(` ${SUITE} `, ` ${BACKPORTS} `)])].map(target => `deb [signed-by=${KEYRING}] ${target}`);
    const apt = new Apt(folder, sources);
    await writeFile(join(folder, 'status'), '');
    await writeFile(join(folder, 'sources.list'), `${sources.join('\n')}\n`);
    await apt.get('update');
    return apt;
  }

  /** A package that another one depends on, by how its name begins. */
  async dependency(of: string, beginsWith: string, suite = SUITE): Promise<string> {
    const { stdout } = await run('apt-cache', [...this.options, '-t', suite, '--no-all-versions', 'show', of], { maxBuffer: LONG_OUTPUT });
    const found = stdout.split('\n').filter(line => line.startsWith('Depends: ')).flatMap(line => line.slice(9).split(/[,|]/)).map(one => one.trim().split(' ')[0] ?? '').find(name => name.startsWith(beginsWith));
    if (found === undefined) throw new Error(`${of} of ${suite} depends on no ${beginsWith}`);
    return found;
  }

  /** The archives of these packages alone. */
  async download(...names: readonly string[]): Promise<string[]> {
    await run('apt-get', [...this.options, 'download', ...names], { cwd: this.folder });
    return archivesIn(this.folder);
  }

  /** The archives of these packages and of all that they need on an empty machine. */
  async downloadWithDependencies(...names: readonly string[]): Promise<string[]> {
    await this.get('--yes', '--download-only', 'install', ...names);
    return archivesIn(join(this.folder, 'cache/archives'));
  }

  private get(...args: readonly string[]) { return run('apt-get', [...this.options, ...args], { maxBuffer: LONG_OUTPUT }); }

  private get options(): readonly string[] {
    const { folder } = this;
    return [
      'APT::Architecture=arm64', 'APT::Architectures=arm64', 'APT::Sandbox::User=root', 'APT::Install-Recommends=0', 'Debug::NoLocking=1',
      `Dir::State::Lists=${folder}/lists`, `Dir::State::status=${folder}/status`, `Dir::Cache=${folder}/cache`,
      `Dir::Etc::SourceList=${folder}/sources.list`, 'Dir::Etc::SourceParts=/dev/null',
    ].map(option => `-o${option}`);
  }
}

const archivesIn = async (folder: string): Promise<string[]> => (await readdir(folder)).filter(name => name.endsWith('.deb')).sort().map(name => join(folder, name));
