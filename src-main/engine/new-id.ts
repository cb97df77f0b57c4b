import { randomBytes } from 'node:crypto';

/** An id that nothing has yet, of what it names: `vm-4d0c8f1a22b7`. */
export const newId = <Id extends string>(kind: string): Id => `${kind}-${randomBytes(6).toString('hex')}` as Id;
