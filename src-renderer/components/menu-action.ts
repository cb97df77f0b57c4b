import type { IconName } from './icon-shapes.ts';

/** One action on an object, as a menu item and, where there is room, as an icon. */
export interface MenuAction {
  readonly label: string;
  readonly icon?: IconName;
  readonly status?: 'success' | 'danger';
  /** Why it cannot be used now; absent when it can. */
  readonly disabledReason?: string | undefined;
  /** Starts a new group. */
  readonly divided?: boolean;
  /** Makes the item one choice of several; one that stays is a choice of its own, and keeps the menu open. */
  readonly checked?: boolean;
  readonly stays?: boolean;
  run(): void;
}

/** An action that can stand as an icon alone. */
export type IconAction = MenuAction & { readonly icon: IconName };

/** Where a context menu opens, in the viewport's pixels. */
export interface MenuPoint { readonly x: number; readonly y: number }
