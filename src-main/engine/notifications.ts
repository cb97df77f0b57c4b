/** What those who are connected are to be told on their desktops. Nothing is kept: who is not there reads the events. */
import { Emitter } from '../../shared/base/emitter.ts';
import type { Notification } from '../../shared/model/notification.ts';

export class Notifications {
  readonly raised = new Emitter<Notification>();

  raise(notification: Notification): void { this.raised.emit(notification); }
}
