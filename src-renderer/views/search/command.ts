import type { MenuAction } from '../../components/menu-action.ts';

/** An action in the command palette, or an object to go to. */
export interface Command extends Omit<MenuAction, 'status'> { readonly detail?: string | undefined; readonly status?: MenuAction['status'] | undefined }
