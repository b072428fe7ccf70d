import type { Command } from 'commander'
import { numberFrom } from './number-flag'

/** Which backups stay. */
export interface KeepFlags {
  readonly keepDaily: string
  readonly keepWeekly: string
  readonly keepMonthly: string
}

export function keepOptions(command: Command): Command {
  return command
    .option('--keep-daily <number>', 'days of which the last one stays', '7')
    .option('--keep-weekly <number>', 'weeks', '4')
    .option('--keep-monthly <number>', 'months', '6')
}

export function keepFrom(flags: KeepFlags) {
  const most = { least: 0, most: 10_000 } as const
  return {
    keepDaily: numberFrom('--keep-daily', flags.keepDaily, most),
    keepWeekly: numberFrom('--keep-weekly', flags.keepWeekly, most),
    keepMonthly: numberFrom('--keep-monthly', flags.keepMonthly, most),
  }
}
