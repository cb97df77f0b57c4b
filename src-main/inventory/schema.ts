/**
 * The inventory file's tables. Each entry brings a file from the format before it to its own; entries are only ever
 * added. Objects and tasks are kept as JSON of the shared model: what is asked of them in SQL has a column.
 */
import { DEFAULT_ALARMS, type AlarmDefinition } from '../../shared/model/alarm.ts';

const addAlarm = (alarm: AlarmDefinition): string => `INSERT OR IGNORE INTO objects SELECT 'alarmDefinition', '${alarm.id}', '${JSON.stringify(alarm).replaceAll('\'', '\'\'')}' WHERE EXISTS (SELECT 1 FROM objects);`;
/** A default alarm for who had the others already. */
const laterAlarm = (id: string): string => DEFAULT_ALARMS.filter(alarm => alarm.id === id).map(addAlarm).join('\n');

export const UPGRADES: readonly string[] = [
  `CREATE TABLE hosts (id TEXT PRIMARY KEY, body TEXT NOT NULL);
   CREATE TABLE vms (id TEXT PRIMARY KEY, body TEXT NOT NULL);
   CREATE TABLE tasks (seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, finished INTEGER NOT NULL, body TEXT NOT NULL);
   CREATE INDEX tasks_unfinished ON tasks (finished) WHERE finished = 0;
   CREATE TABLE events (id INTEGER PRIMARY KEY AUTOINCREMENT, at_ms INTEGER NOT NULL, severity TEXT NOT NULL, type TEXT NOT NULL,
     message TEXT NOT NULL, target_kind TEXT NOT NULL, target_id TEXT NOT NULL, target_name TEXT NOT NULL);
   CREATE INDEX events_of_target ON events (target_kind, target_id, id);`,
  // All objects in one table; hosts are in a datacenter.
  `CREATE TABLE objects (kind TEXT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (kind, id));
   INSERT INTO objects SELECT 'host', id, json_set(body, '$.parent', json('{"kind":"datacenter","id":"datacenter"}')) FROM hosts ORDER BY rowid;
   INSERT INTO objects SELECT 'vm', id, body FROM vms ORDER BY rowid;
   INSERT INTO objects SELECT 'datacenter', 'datacenter', '{"id":"datacenter","name":"Datacenter","parent":{"kind":"root","id":"root"}}' FROM hosts LIMIT 1;
   INSERT INTO objects SELECT 'datastore', 'datastore-local', '{"id":"datastore-local","name":"datastore1","parent":{"kind":"datacenter","id":"datacenter"},"path":""}' FROM hosts LIMIT 1;
   DROP TABLE hosts; DROP TABLE vms;`,
  // What hosts are built of.
  `UPDATE objects SET body = json_patch('{"cpuMhz":2000,"gic":"GICv3","iommu":true,"watchdog":"SBSA revision 0","nics":[{"model":"QD-E25 Ethernet","revision":"A1","ports":1,"virtualFunctions":0}],"rdmaNics":[],"drives":[]}', body) WHERE kind = 'host';`,
  // The default alarms; a new inventory has them from the start.
  DEFAULT_ALARMS.map(addAlarm).join('\n'),
  // What events say in other languages than English; of those before, nothing.
  'ALTER TABLE events ADD COLUMN phrase TEXT;',
  // That of boots, then that of hosts' own.
  laterAlarm('alarm-vm-fell-back'),
  laterAlarm('alarm-host-not-responding'),
];
