/**
 * Debian's boot loaders for arm64, in the cache, and what firmware boots them from: disks with a GUID partition table and an EFI system partition, and CDs.
 * Each holds a kernel and an initrd, and one way to them: the kernel's own EFI stub, GRUB as Debian installs it, or systemd-boot.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { EngineError, messageOf } from '../shared/base/errors.ts';
import { Apt } from './apt.ts';
import { cacheFolder } from './fetch-guests.ts';

const execute = promisify(execFile);
const run = (tool: string, ...args: readonly string[]) => execute(tool, args, { env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` } });

/** To be raised with every change to what is fetched. */
const FORMAT = 1;
const MIB = 2 ** 20, SECTOR = 512, PARTITION_SECTOR = 2048, PARTITION_MIB = 128, IMAGE_KIB = 8192, SECTORS_BEHIND = 2048;
export const ESP_GUID = 'c12a7328-f81f-11d2-ba4b-00a0c93ec93b';

/** EFI applications: GRUB that looks for its configuration where Debian installs it, and where Debian's CDs have it, both signed, and systemd-boot. */
export interface Loaders { readonly grub: string; readonly cdGrub: string; readonly systemdBoot: string }
const FROM = {
  grub: 'usr/lib/grub/arm64-efi-signed/grubaa64.efi.signed', cdGrub: 'usr/lib/grub/arm64-efi-signed/gcdaa64.efi.signed', systemdBoot: 'usr/lib/systemd/boot/efi/systemd-bootaa64.efi',
} as const satisfies Record<keyof Loaders, string>;

export async function fetchLoaders(): Promise<Loaders> {
  const folder = join(cacheFolder(), 'guests', `loaders-${FORMAT}`), loaders = { grub: join(folder, 'grubaa64.efi'), cdGrub: join(folder, 'gcdaa64.efi'), systemdBoot: join(folder, 'systemd-bootaa64.efi') };
  if (!existsSync(folder)) {
    try { await fetchInto(folder, loaders); } catch (error) { throw new EngineError('no-loaders', `Debian's boot loaders could not be fetched through apt: ${messageOf(error)}`); }
  }
  return loaders;
}

/** The folder appears complete or not at all, whoever else fetches at the same time. */
async function fetchInto(folder: string, loaders: Loaders): Promise<void> {
  const work = `${folder}.${process.pid}`, root = join(work, 'root'), out = join(work, 'out');
  await mkdir(out, { recursive: true });
  try {
    for (const archive of await (await Apt.in(join(work, 'apt'))).download('grub-efi-arm64-signed', 'systemd-boot-efi')) await run('dpkg-deb', '-x', archive, root);
    for (const name of ['grub', 'cdGrub', 'systemdBoot'] as const) await rename(join(root, FROM[name]), join(out, loaders[name].slice(folder.length + 1)));
    await rename(out, folder).catch((error: unknown) => { if (!existsSync(folder)) throw error; });
  } finally { await rm(work, { recursive: true, force: true }); }
}

export interface Bootable { readonly kernel: string; readonly initrd: string; readonly commandLine: string }

/** Paths in a file system, with / between names, to what they hold: a file that is copied, or a text. */
type Tree = Readonly<Record<string, { readonly from: string } | { readonly text: string }>>;

const REMOVABLE = 'EFI/BOOT/BOOTAA64.EFI';

export interface MenuEntry extends Bootable { readonly title: string }
/** Without a timeout a menu waits for a key; with 0 it is not shown. */
export interface Menu { readonly entries: readonly MenuEntry[]; readonly timeoutSeconds?: number }

const grubMenu = ({ entries, timeoutSeconds = -1 }: Menu) => `set timeout=${timeoutSeconds}\nset default=0\n${entries.map(({ title, commandLine }, n) =>
  `menuentry '${title}' {\n  linux /boot/${n}/linux ${commandLine}\n  initrd /boot/${n}/initrd.gz\n}\n`).join('')}`;

const bootFiles = ({ entries }: Menu): Tree => Object.fromEntries(entries.flatMap(({ kernel, initrd }, n) => [[`boot/${n}/linux`, { from: kernel }], [`boot/${n}/initrd.gz`, { from: initrd }]]));

/** What an EFI system partition holds. */
export type EspContents =
  /**
   * The kernel as firmware's default application, which has no command line but what a boot option gives it (`stubOptions`). Without `isDefault` it is at
   * `STUB_PATH`, and the UEFI shell's startup file starts it with them.
   */
  | { readonly kind: 'stub'; readonly guest: Bootable; readonly isDefault?: boolean }
  /** `installed` as after an installation, `cd` as on Debian's CDs. */
  | { readonly kind: 'grub'; readonly menu: Menu; readonly as?: 'installed' | 'cd' }
  | { readonly kind: 'systemd-boot'; readonly menu: Menu };

/** Where the kernel is that is no default application. */
export const STUB_PATH = '\\EFI\\Linux\\linux.efi';
/** A boot option's, for a kernel that is its own loader. */
export const stubOptions = ({ commandLine }: Bootable): string => `initrd=\\boot\\0\\initrd.gz ${commandLine}`;

function treeOf(contents: EspContents, loaders: Loaders): Tree {
  switch (contents.kind) {
    case 'stub': return { 'boot/0/initrd.gz': { from: contents.guest.initrd }, ...contents.isDefault === false
      ? { [STUB_PATH.slice(1).replaceAll('\\', '/')]: { from: contents.guest.kernel }, 'startup.nsh': { text: `${STUB_PATH} ${stubOptions(contents.guest)}\r\n` } }
      : { [REMOVABLE]: { from: contents.guest.kernel } } };
    case 'grub': return contents.as === 'cd' ? cdTree(contents.menu, loaders) : { [REMOVABLE]: { from: loaders.grub }, 'EFI/debian/grub.cfg': { text: grubMenu(contents.menu) }, ...bootFiles(contents.menu) };
    case 'systemd-boot': return {
      [REMOVABLE]: { from: loaders.systemdBoot }, 'loader/loader.conf': { text: `timeout ${contents.menu.timeoutSeconds ?? 'menu-force'}\ndefault entry-0.conf\n` }, ...bootFiles(contents.menu),
      ...Object.fromEntries(contents.menu.entries.map(({ title, commandLine }, n) => [`loader/entries/entry-${n}.conf`, { text: `title ${title}\nsort-key ${n}\nlinux /boot/${n}/linux\ninitrd /boot/${n}/initrd.gz\noptions ${commandLine}\n` }])),
    };
    default: return contents satisfies never;
  }
}

/** GRUB of CDs looks for .disk/info. */
const cdTree = (menu: Menu, { cdGrub }: Loaders): Tree => ({ [REMOVABLE]: { from: cdGrub }, '.disk/info': { text: 'Quarterdeck\n' }, 'boot/grub/grub.cfg': { text: grubMenu(menu) }, ...bootFiles(menu) });

/** Calls `act` with a folder that has the tree. */
async function withTree<T>(beside: string, tree: Tree, act: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(`${beside}.`);
  try {
    for (const [path, content] of Object.entries(tree)) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await ('from' in content ? cp(content.from, join(folder, path)) : writeFile(join(folder, path), content.text));
    }
    return await act(folder);
  } finally { await rm(folder, { recursive: true }); }
}

/** A raw disk with a GUID partition table, whose only partition is an EFI system partition with FAT32. It may hold more files, texts by their paths. */
export async function makeEfiDisk(path: string, contents: EspContents, texts: Readonly<Record<string, string>> = {}): Promise<void> {
  const sectors = PARTITION_MIB * MIB / SECTOR, inside = `${path}@@${PARTITION_SECTOR * SECTOR}`, script = `${path}.parts`, loaders = await fetchLoaders();
  await writeFile(path, '');
  await truncate(path, (PARTITION_SECTOR + sectors + SECTORS_BEHIND) * SECTOR);
  await writeFile(script, `label: gpt\nstart=${PARTITION_SECTOR}, size=${sectors}, type=${ESP_GUID}, name="EFI system"\n`);
  await run('sh', '-c', 'sfdisk -q "$1" < "$2"', 'sh', path, script);
  await rm(script);
  await run('mkfs.fat', '-F', '32', '--offset', String(PARTITION_SECTOR), path, String(PARTITION_MIB * 1024));
  await withTree(path, { ...treeOf(contents, loaders), ...Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, { text }])) }, async folder => { await run('mcopy', '-s', '-i', inside, ...(await readdir(folder)).map(name => join(folder, name)), '::/'); });
}

/** A CD that boots UEFI from an image on it, with GRUB's menu. `label` is at most 32 capital letters, digits and underscores. */
export async function makeBootIso(path: string, menu: Menu, label = 'QUARTERDECK'): Promise<void> {
  const { [REMOVABLE]: loader, ...tree } = cdTree(menu, await fetchLoaders());
  await withTree(path, tree, async (folder) => {
    await withTree(path, { [REMOVABLE]: loader! }, async (efi) => {
      const image = join(folder, 'boot/efi.img');
      await writeFile(image, '');
      await truncate(image, IMAGE_KIB * 1024);
      await run('mkfs.fat', '-F', '12', image);
      await run('mcopy', '-s', '-i', image, join(efi, 'EFI'), '::/');
    });
    await run('xorriso', '-as', 'mkisofs', '-quiet', '-R', '-J', '-joliet-long', '-V', label, '-o', path, '-e', 'boot/efi.img', '-no-emul-boot', folder);
  });
}

if (import.meta.main) console.log(Object.values(await fetchLoaders()).join('\n'));
