/** Boots of a VM in words. */
import { banksOf, USUAL_WATCHDOG, type BootRecord } from '../../../shared/model/boot-watchdog.ts';
import type { VmSpec } from '../../../shared/model/vm.ts';
import { formatTime } from '../../components/format.ts';
import { t } from '../../i18n/i18n.ts';

export const bankName = (spec: Pick<VmSpec, 'bootWatchdog'>, id: string): string => banksOf(spec.bootWatchdog ?? USUAL_WATCHDOG).find(bank => bank.id === id)?.name || t`Settings`;

export const fellBackText = (spec: VmSpec, { from, to, atMs }: NonNullable<BootRecord['fellBack']>): string =>
  t`It fell back from the boot bank "${bankName(spec, from)}" to "${bankName(spec, to)}" at ${formatTime(atMs)}. Choose the bank that it is to boot from.`;
