/**
 * `quarterdeck disk`: makes, describes, grows, converts and checks disk images. Exit codes: 0 done, 1 failed, 2 bad usage;
 * those of `check` are qemu-img's: 0 nothing is wrong (any more), 2 corrupt, 3 clusters leaked.
 */
import { Command, InvalidArgumentError, Option } from 'commander';
import { DISK_FORMATS, type DiskFormat } from '../storage/block-backend.ts';
import { checkImage, convertImage, createImage, CREATED_FORMATS, imageInfo, resizeImage, VMDK_TYPES, type CreateOptions, type ImageInfo } from '../storage/image-operations.ts';
import type { CheckResult } from '../storage/progress.ts';

const CORRUPT_CODE = 2, LEAKS_CODE = 3;
const UNITS: Readonly<Record<string, number>> = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 };

interface Target { readonly format: CreateOptions['format']; readonly clusterSize?: number; readonly lazyRefcounts?: true; readonly compression?: 'zlib' | 'zstd'; readonly vmdkType?: CreateOptions['vmdkType']; readonly force?: true; readonly json?: true }

const json = () => new Option('--json', 'print the result as JSON');
const given = () => new Option('--format <format>', 'the image\'s format; its first bytes tell it otherwise').choices(DISK_FORMATS);
const target = (command: Command) => command
  .addOption(new Option('--format <format>', 'format of the new image').choices(CREATED_FORMATS).default('qcow2'))
  .option('--cluster-size <size>', 'qcow2: 512 to 2M', sizeBytes)
  .option('--lazy-refcounts', 'qcow2: count clusters when the image is closed')
  .addOption(new Option('--compression <kind>', 'qcow2: how clusters are compressed, if they are').choices(['zlib', 'zstd']))
  .addOption(new Option('--vmdk-type <type>', 'vmdk: its kind').choices(VMDK_TYPES))
  .option('--force', 'overwrite an existing file').addOption(json());

export const diskCommand = new Command('disk').description('make, describe, grow, convert and check disk images');

target(diskCommand.command('create <file> [size]')).description('make an empty image; a size is in bytes, or has a suffix K, M, G or T')
  .option('--backing <file>', 'qcow2: what it shows where nothing was written; relative to the new image')
  .addOption(new Option('--backing-format <format>', 'format of the backing file').choices(DISK_FORMATS))
  .action(async (file: string, size: string | undefined, options: Target & { backing?: string; backingFormat?: DiskFormat }) => {
    await createImage(file, { ...wanted(options), sizeBytes: size === undefined ? undefined : sizeBytes(size), backingFile: options.backing, backingFormat: options.backingFormat });
    await printInfo(file, options);
  });

diskCommand.command('info <file>').description('print format, sizes, backing files and snapshots').addOption(given()).addOption(json())
  .action((file: string, options: { format?: DiskFormat; json?: true }) => printInfo(file, options));

diskCommand.command('resize <file> <size>').description('grow an image to a size').addOption(given()).addOption(json())
  .action(async (file: string, size: string, options: { format?: DiskFormat; json?: true }) => {
    await resizeImage(file, sizeBytes(size), options);
    await printInfo(file, options);
  });

target(diskCommand.command('convert <from> <to>')).description('copy an image into a new one, of any format')
  .addOption(new Option('--from-format <format>', 'format of the old image').choices(DISK_FORMATS))
  .option('--snapshot <name>', 'copy a snapshot of a qcow2 image').option('--compressed', 'qcow2: compress clusters')
  .action(async (from: string, to: string, options: Target & { fromFormat?: DiskFormat; snapshot?: string; compressed?: true }) => {
    await attended('Converting', tell => convertImage(from, to, { ...wanted(options), ...tell, compressed: options.compressed, from: { format: options.fromFormat, snapshot: options.snapshot } }));
    await printInfo(to, { format: options.format, ...(options.json && { json: options.json }) });
  });

diskCommand.command('check <file>').description('look for clusters that are lost or used twice; ends with 0 when there are none, 2 corrupt, 3 leaks only')
  .addOption(given()).option('--repair', 'make refcounts right').addOption(json())
  .action(async (file: string, options: { format?: DiskFormat; repair?: true; json?: true }) => {
    const result = await attended('Checking', tell => checkImage(file, { format: options.format, repair: options.repair, ...tell }));
    process.stdout.write(options.json ? `${JSON.stringify(result)}\n` : checkText(file, result));
    process.exitCode = result.corruptions > result.corruptionsFixed ? CORRUPT_CODE : result.leaks > result.leaksFixed ? LEAKS_CODE : 0;
  });

const wanted = (options: Target): CreateOptions => ({ format: options.format, clusterBytes: options.clusterSize, lazyRefcounts: options.lazyRefcounts, compression: options.compression, vmdkType: options.vmdkType, overwrite: options.force });

function sizeBytes(text: string): number {
  const match = /^(\d+(?:\.\d+)?)([KMGT]?)(?:i?B)?$/i.exec(text), bytes = match === null ? NaN : Number(match[1]) * UNITS[match[2]!.toUpperCase()]!;
  if (!Number.isSafeInteger(bytes) || bytes <= 0) throw new InvalidArgumentError('A size is a number of bytes, or has a suffix, for example 512M or 10G.');
  return bytes;
}

/** With progress on a terminal, and an end on Ctrl-C. */
async function attended<T>(verb: string, act: (tell: { progress?: (part: number) => void; signal: AbortSignal }) => Promise<T>): Promise<T> {
  const interrupt = new AbortController(), abort = () => interrupt.abort(new Error('Interrupted.'));
  const progress = (part: number) => { process.stderr.write(`\r${verb} ${(part * 100).toFixed(0)} %`); };
  process.once('SIGINT', abort);
  try {
    return await act({ signal: interrupt.signal, ...(process.stderr.isTTY && { progress }) });
  } finally {
    process.off('SIGINT', abort);
    if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
  }
}

async function printInfo(file: string, { format, json: asJson }: { format?: DiskFormat; json?: true }): Promise<void> {
  const info = await imageInfo(file, { format });
  process.stdout.write(asJson ? `${JSON.stringify(info)}\n` : infoText(info));
}

function infoText(info: ImageInfo): string {
  const { path, format, variant, sizeBytes: size, allocatedBytes, clusterBytes, chain, snapshots = [], dirty = false, corrupt = false } = info;
  return [
    `${path}: ${format}${variant === undefined ? '' : `, ${variant}`}`, `size       ${human(size)} (${size} bytes)`, `allocated  ${human(allocatedBytes)}`,
    ...(clusterBytes === undefined ? [] : [`cluster    ${human(clusterBytes)}`]), ...chain.map(below => `backed by  ${below.path}: ${below.format}, ${human(below.sizeBytes)}`),
    ...snapshots.map(one => `snapshot   ${one.id} ${one.name}, ${human(one.sizeBytes)}, ${new Date(one.dateMs).toISOString()}`),
    ...(dirty ? ['It was not closed properly.'] : []), ...(corrupt ? ['It is marked as corrupt.'] : []), '',
  ].join('\n');
}

function checkText(file: string, { leaks, corruptions, leaksFixed, corruptionsFixed, problems }: CheckResult): string {
  if (leaks === 0 && corruptions === 0) return `${file}: nothing is wrong.\n`;
  return [...problems, `${file}: corruptions ${corruptions}, of them repaired ${corruptionsFixed}; leaked clusters ${leaks}, of them repaired ${leaksFixed}.`, ''].join('\n');
}

function human(bytes: number): string {
  const [unit, factor] = Object.entries(UNITS).filter(([, one]) => bytes >= one).at(-1) ?? ['', 1];
  return `${Number((bytes / factor).toFixed(1))} ${unit === '' ? 'bytes' : `${unit}iB`}`;
}
