import { HeadwaterError } from '../../core/errors'
import type { Register } from '../command'
import { declaredTables, entitiesFlag } from '../declared-entities'
import { examine } from '../doctor/examine'
import { exitCodes } from '../exit-codes'

const defaultSeconds = 10

interface DoctorOptions {
  readonly timeout?: string
  readonly strict?: boolean
  readonly entities?: string
}

export const registerDoctor: Register = (program, run) => {
  program
    .command('doctor')
    .description('check settings, stores, tables and indexes, and say what to do; exit code 1 when a check failed')
    .option('--strict', 'exit code 1 for a warning too')
    .option(...entitiesFlag)
    .option('--timeout <seconds>', `of all checks together; ${defaultSeconds} when left out`)
    .action(
      run(async (context, { timeout, strict, entities }: DoctorOptions) => {
        const { out } = context
        const checks = await examine(context, secondsFrom(timeout) * 1_000, await declaredTables(context, entities))
        const count = (state: string): number => checks.filter((check) => check.state === state).length
        const status = count('failed') > 0 ? 'failed' : count('warning') > 0 ? 'warning' : 'ok'
        out.document({ status, checks })
        await out.table(
          [{ title: 'check', grow: 2 }, { title: 'state' }, { title: 'found', grow: 4 }, { title: 'remedy', grow: 3 }],
          checks.map(({ name, state, detail, remedy }) => [
            name,
            state === 'ok' ? state : out.bold(state),
            detail,
            remedy ?? '',
          ]),
        )
        out.line(`${out.bold(status)}: ${count('ok')} ok, ${count('warning')} warnings, ${count('failed')} failed`)
        return status === 'failed' || (strict && status === 'warning') ? exitCodes.failed : exitCodes.ok
      }),
    )
}

function secondsFrom(given: string | undefined): number {
  const seconds = given === undefined ? defaultSeconds : Number(given)
  if (given?.trim() !== '' && seconds > 0 && seconds <= 3_600) return seconds
  throw new HeadwaterError('HW_INVALID_ARGUMENT', `--timeout: must be seconds from 0 to 3600, got ${given}`, {
    path: '--timeout',
  })
}
