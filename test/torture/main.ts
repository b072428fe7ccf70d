// npm run torture -- --rounds N [--seed S] [--profile single|full] [--check-every N] [--json]
// Kills processes and stops servers, and checks what is left; the exit code is 1 when something is not as it must be.
// SIGINT ends it after the round that runs, with a check.
import { parseArgs } from 'node:util'
import { lacking, type Profile } from './servers'
import { torture } from './torture'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '2000' },
    seed: { type: 'string', default: String(process.pid) },
    profile: { type: 'string', default: 'single' },
    'check-every': { type: 'string', default: '10' },
    json: { type: 'boolean', default: false },
  },
})
const [rounds, seed, checkEvery] = [Number(values.rounds), Number(values.seed), Number(values['check-every'])]
const profile = values.profile as Profile
if (![rounds, seed, checkEvery].every(Number.isSafeInteger) || !['single', 'full'].includes(profile)) {
  console.error('--rounds, --seed and --check-every take whole numbers, --profile single or full')
  process.exit(2)
}
const missing = lacking(profile, undefined)
if (missing) {
  console.error(`${profile} cannot be run here: ${missing}`)
  process.exit(2)
}
const log = (line: string): void => void (values.json ? process.stderr : process.stdout).write(`${line}\n`)
const interruption = new AbortController()
for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => interruption.abort())
const report = await torture({ rounds, seed, profile, checkEvery, log, signal: interruption.signal })
console.log(JSON.stringify(report, null, 2))
process.exitCode = report.violations.length > 0 ? 1 : 0
