/** How figures and times read on screen. */
import { say, type Phrase } from '../../shared/base/phrase.ts';
import type { PowerState } from '../../shared/model/vm.ts';
import { perLocale, t, translate } from '../i18n/i18n.ts';

const threeDigits = perLocale(locale => new Intl.NumberFormat(locale, { maximumSignificantDigits: 3, useGrouping: false }));
const oneDecimal = perLocale(locale => new Intl.NumberFormat(locale, { minimumFractionDigits: 1, maximumFractionDigits: 1, useGrouping: false }));

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const;

/** A size with three significant digits: `512 MiB`, `1.5 GiB`. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) { value /= 1024; unit++; }
  return `${value >= 100 || Number.isInteger(value) ? Math.round(value) : threeDigits().format(value)} ${UNITS[unit]}`;
}

const PREFIXES = ['', 'k', 'M', 'G'] as const;

/** A rate with three significant digits, in decimal units, as charts count: `1.5 Mbit/s`. */
export function formatRate(perSecond: number, unit: 'bit' | 'B'): string {
  let value = perSecond;
  let prefix = 0;
  while (value >= 1000 && prefix < PREFIXES.length - 1) { value /= 1000; prefix++; }
  return `${threeDigits().format(value)} ${PREFIXES[prefix]}${unit}/s`;
}

export const formatMib = (mib: number): string => formatBytes(mib * 1024 * 1024);

/** A span of time by its two largest units: `2 h 5 min`. */
export function formatDuration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const [days, hours, minutes] = [Math.floor(seconds / 86_400), Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60];
  if (days > 0) return t`${days} d ${hours} h`;
  if (hours > 0) return t`${hours} h ${minutes} min`;
  if (minutes > 0) return t`${minutes} min ${seconds % 60} s`;
  return `${seconds} s`;
}

/** How long something waited, in the unit an operator compares: `3 ms`, `1.2 s`. */
export const formatWait = (ms: number): string => (ms < 1000 ? `${Math.max(0, Math.round(ms))} ms` : ms < 10_000 ? `${oneDecimal().format(ms / 1000)} s` : formatDuration(ms));

const dateTime = perLocale(locale => new Intl.DateTimeFormat(locale, { dateStyle: 'short', timeStyle: 'medium' }));
export const formatTime = (ms: number | undefined): string => (ms === undefined ? '' : dateTime().format(ms));

const whole = perLocale(locale => new Intl.NumberFormat(locale));
export const formatCount = (count: number): string => whole().format(Math.round(count));

/** A count in millions with a readable number of digits. */
export const formatMillions = (millions: number): string => (millions >= 100 ? String(Math.round(millions)) : oneDecimal().format(millions));

export const formatPercent = (part: number): string => `${Math.round(part * 100)} %`;

/** In English also what the search calls them. */
export const POWER_STATES: Readonly<Record<PowerState, Phrase>> = {
  poweredOff: say`Powered Off`, poweringOn: say`Powering On`, poweredOn: say`Powered On`, poweringOff: say`Powering Off`, suspending: say`Suspending`, suspended: say`Suspended`,
};
export const formatPowerState = (state: PowerState): string => translate(POWER_STATES[state]);
