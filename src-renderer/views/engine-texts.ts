/** What the engine said, in the language spoken. What it kept before it kept phrases is English. */
import { saidBy, type Message, type Said } from '../../shared/base/phrase.ts';
import { alarmName } from '../../shared/model/alarm.ts';
import { taskText as saidOfTask, type Task, type TaskText } from '../../shared/model/task.ts';
import { translate } from '../i18n/i18n.ts';

const translated = (said: Said | undefined): string | undefined => (said === undefined ? undefined : translate(said));

export function taskText(task: Task, text: 'name'): string;
export function taskText(task: Task, text: TaskText): string | undefined;
export function taskText(task: Task, text: TaskText): string | undefined { return translated(saidOfTask(task, text)); }

export const eventText = (event: Message): string => translate(saidBy(event));

/** The name of an alarm: of a default one in the language, of others as it was typed. */
export function alarmTitle(name: string): string {
  const known = alarmName(name);
  return typeof known === 'object' ? translate(known) : String(known);
}
