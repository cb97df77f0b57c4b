/** Makes sure that the Debian packages the tests need are there: installs them as root, else asks for them by name. */
import { spawnSync } from 'node:child_process';
import { EngineError } from '../shared/base/errors.ts';

const NEEDED = [
  'chromium', 'fonts-liberation', 'qemu-user', 'gcc-aarch64-linux-gnu', 'libc6-dev-arm64-cross', 'device-tree-compiler', 'acpica-tools', 'p7zip-full',
  'qemu-utils', 'tshark', 'fakeroot', 'openssh-client', 'xvfb', 'tigervnc-viewer', 'xtightvncviewer', 'e2fsprogs', 'mtools', 'dosfstools', 'fdisk', 'xorriso', 'xz-utils',
] as const;

export function ensureDebianPackages(): void {
  const missing = NEEDED.filter(name => !isInstalled(name));
  if (missing.length === 0) return;
  if (process.getuid?.() !== 0) throw new EngineError('packages', `The tests need Debian packages that are not installed; run: sudo apt-get install --no-install-recommends ${missing.join(' ')}`);
  console.log(`Installing Debian packages: ${missing.join(', ')}`);
  apt('update', '-qq');
  apt('install', '-qq', '--no-install-recommends', '-y', ...missing);
}

function isInstalled(name: string): boolean {
  const { stdout } = spawnSync('dpkg-query', ['-W', '-f', '${Status}', name], { encoding: 'utf8' });
  return stdout === 'install ok installed';
}

function apt(...args: readonly string[]): void {
  const { status, stderr } = spawnSync('apt-get', args, { stdio: ['ignore', 'ignore', 'pipe'], encoding: 'utf8', env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } });
  if (status !== 0) throw new EngineError('apt', `apt-get ${args[0]} failed: ${stderr.trim().split('\n').at(-1) ?? 'no reason given'}`);
}
