/** Charts as files of what they show. */
import { toCsv, type Line } from '../../components/chart.ts';
import { saveAs, saveCsv } from '../../components/download.ts';

const fileName = (name: string, toMs: number, end: string) => `${name} ${new Date(toMs).toISOString().slice(0, 19).replaceAll(':', '-')}${end}`;

export async function exportImages(name: string, toMs: number, charts: readonly { image(): Promise<Blob | null> }[]): Promise<void> {
  const images = await Promise.all(charts.map(chart => chart.image()));
  images.forEach((image, at) => { if (image) saveAs(fileName(name, toMs, at > 0 ? ` ${at + 1}.png` : '.png'), image); });
}

export const exportCsv = (name: string, toMs: number, lines: readonly Line[]): void => saveCsv(fileName(name, toMs, '.csv'), toCsv(lines));
