import { EventEmitter } from 'node:events';

/** `ipcMain`, as far as messages without an answer. */
export const ipcMain = new EventEmitter();
