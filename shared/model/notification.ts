import type { Said } from '../base/phrase.ts';
import type { AlarmLevel } from './alarm.ts';
import type { ObjectRef } from './task.ts';

/** What an operator is to hear of wherever they look. */
export interface Notification { readonly level: AlarmLevel; readonly title: Said; readonly text: Said; readonly target: ObjectRef }
