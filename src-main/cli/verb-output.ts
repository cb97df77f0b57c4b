/** Lists of objects as tables for people. */

/** Fields that a table shows where rows have them, in this order; those of a VM's settings are found in it. */
const FIELDS = ['id', 'name', 'kind', 'powerState', 'template', 'cpus', 'memoryMib', 'model', 'state', 'target', 'type', 'message', 'error', 'createdMs', 'queuedMs', 'atMs', 'path', 'switch', 'vlan', 'description', 'address', 'fingerprint'] as const;
const TITLES: Readonly<Record<string, string>> = { memoryMib: 'MEMORY MIB', powerState: 'STATE', createdMs: 'CREATED', queuedMs: 'QUEUED', atMs: 'TIME' };

function cell(row: object, field: string): string {
  const direct: unknown = (row as Record<string, unknown>)[field], value: unknown = direct ?? ('spec' in row ? (row.spec as Record<string, unknown>)[field] : undefined);
  if (value === undefined || value === null) return '';
  if (field.endsWith('Ms')) return new Date(Number(value)).toISOString().replace(/\.\d+Z$/, 'Z');
  if (typeof value === 'object') return 'name' in value ? (value.name as string) : JSON.stringify(value);
  return typeof value === 'string' ? value : JSON.stringify(value);
}

export function tableOf(rows: readonly object[]): string {
  const fields = FIELDS.filter(field => rows.some(row => cell(row, field) !== ''));
  if (rows.length === 0) return 'There are none.\n';
  const lines = [fields.map(field => TITLES[field] ?? field.toUpperCase()), ...rows.map(row => fields.map(field => cell(row, field)))];
  const widths = fields.map((_, at) => Math.max(...lines.map(line => (line[at] ?? '').length)));
  return lines.map(line => `${line.map((text, at) => text.padEnd(at === line.length - 1 ? 0 : widths[at] ?? 0)).join('  ').trimEnd()}\n`).join('');
}
