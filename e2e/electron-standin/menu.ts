/** `Menu` and its items, which tests click. */
import type Electron from 'electron';
import { app } from './app.ts';
import { BrowserWindow } from './browser-window.ts';
import { notImplemented } from './strict.ts';

const ROLES: Partial<Record<NonNullable<Electron.MenuItemConstructorOptions['role']>, () => void>> = {
  quit: () => app.quit(),
  close: () => BrowserWindow.getFocusedWindow()?.close(),
  reload: () => BrowserWindow.getFocusedWindow()?.webContents.reload(),
};

export class MenuItem {
  readonly label: string;
  readonly submenu: Menu | undefined;
  private readonly options: Electron.MenuItemConstructorOptions;

  constructor(options: Electron.MenuItemConstructorOptions) {
    this.options = options;
    this.label = options.label ?? options.role ?? '';
    this.submenu = Array.isArray(options.submenu) ? Menu.buildFromTemplate(options.submenu) : undefined;
  }

  click(): void {
    const { role, click } = this.options;
    if (role !== undefined) (ROLES[role] ?? (() => { throw notImplemented(`the menu role ${role}`); }))();
    else click?.(this as unknown as Electron.MenuItem, undefined, { });
  }
}

let applicationMenu: Menu | null = null;

export class Menu {
  items: MenuItem[] = [];
  static buildFromTemplate(template: readonly Electron.MenuItemConstructorOptions[]): Menu {
    const menu = new Menu();
    menu.items = template.map(options => new MenuItem(options));
    return menu;
  }
  static setApplicationMenu(menu: Menu | null): void { applicationMenu = menu; }
  static getApplicationMenu(): Menu | null { return applicationMenu; }
}
