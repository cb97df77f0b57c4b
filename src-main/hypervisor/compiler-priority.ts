/**
 * Translating and compiling are done on other threads, and must not take the processor from guests where there are few.
 * On Linux each thread has a priority of its own; elsewhere this does nothing.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { setPriority } from 'node:os';

/**
 * Niceness. Compilers get a sixth of a guest's share where both want the processor, and all of what guests leave over. The
 * translator comes before them: being translated gains code more than being optimized.
 */
const TRANSLATOR = 4, COMPILERS = 8;
const TASKS = '/proc/self/task';

/** The calling thread, which translates. */
export function lowerTranslator(): void { if (process.platform === 'linux') quietly(() => setPriority(TRANSLATOR)); }

/** V8's own threads, which run its optimizing compiler. */
export function lowerCompilers(): void {
  if (process.platform !== 'linux') return;
  quietly(() => {
    for (const task of readdirSync(TASKS)) {
      if (readFileSync(`${TASKS}/${task}/comm`, 'utf8').trim() === 'V8Worker') setPriority(Number(task), COMPILERS);
    }
  });
}

/** Priorities are a courtesy: where they cannot be set, all threads have the same. */
function quietly(work: () => void): void { try { work(); } catch { /* then not */ } }
