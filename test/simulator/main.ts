// npm run sim -- --seeds N --from S|random [--jobs 2] [--without GUARD] [--keep-going]
// Runs seeds S to S+N-1; the first violation is printed with its seed and trace, and the exit code is 1.
import { fork } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { guards, runSeed, type SimOptions, type SimReport } from '../../src/testing/simulator'

interface Order {
  readonly from: number
  readonly to: number
  readonly step: number
  readonly options: SimOptions
}

const everyReport = 50

async function work({ from, to, step, options }: Order): Promise<void> {
  Error.stackTraceLimit = 0
  let batch: SimReport[] = []
  const flush = (): Promise<void> =>
    new Promise((resolve) => {
      process.send!(batch, () => resolve())
      batch = []
    })
  for (let seed = from; seed < to; seed += step) {
    batch.push(await runSeed(seed, options))
    if (batch.length === everyReport || batch.at(-1)!.violations.length > 0) await flush()
  }
  await flush()
  process.disconnect()
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      seeds: { type: 'string', default: '500' },
      from: { type: 'string', default: '1' },
      jobs: { type: 'string', default: String(Math.min(2, availableParallelism())) },
      without: { type: 'string' },
      'keep-going': { type: 'boolean', default: false },
    },
  })
  const from = values.from === 'random' ? Math.floor(Math.random() * 2 ** 31) : Number(values.from)
  const [seeds, jobs] = [Number(values.seeds), Number(values.jobs)]
  const withoutGuard = guards.find((guard) => guard === values.without)
  if (![from, seeds, jobs].every(Number.isSafeInteger) || (values.without !== undefined && !withoutGuard)) {
    console.error(`--seeds, --from (or random) and --jobs take whole numbers, --without one of ${guards.join(', ')}`)
    return 2
  }
  console.log(`${seeds} seeds from ${from}`)
  const options: SimOptions = withoutGuard ? { withoutGuard } : {}
  const total = { seeds: 0, events: 0, operations: 0, resurrected: 0 }
  const broken: SimReport[] = []
  const startedAt = performance.now()
  const children = Array.from({ length: jobs }, (_, at) => {
    const execArgv = [...process.execArgv, '--max-semi-space-size=32']
    const child = fork(fileURLToPath(import.meta.url), ['--worker'], { execArgv })
    child.send({ from: from + at, to: from + seeds, step: jobs, options } satisfies Order)
    return child
  })
  await Promise.all(
    children.map(
      (child) =>
        new Promise<void>((resolve, reject) => {
          child.on('message', (reports: SimReport[]) => {
            for (const report of reports) {
              total.seeds++
              total.events += report.events
              total.operations += report.operations
              total.resurrected += report.resurrected
              const [violation] = report.violations
              if (!violation) continue
              broken.push(report)
              console.log(`seed ${report.seed} violates ${violation.invariant}: ${violation.message}`)
              if (!values['keep-going']) for (const each of children) each.kill()
            }
          })
          child.on('exit', (code) => {
            if (code === 0 || broken.length > 0) resolve()
            else reject(new Error(`A worker ended with code ${code}`))
          })
        }),
    ),
  )
  const seconds = (performance.now() - startedAt) / 1000
  if (broken.length > 0) {
    const { seed } = broken.sort((a, b) => a.seed - b.seed)[0]!
    const replay = await runSeed(seed, { ...options, trace: true })
    console.log(`\ntrace of seed ${seed}:\n${replay.trace.join('\n')}\n`)
  }
  console.log(
    `${total.seeds} seeds from ${from}: ${total.events} events, ${seconds.toFixed(1)} s, ${broken.length} violations; ` +
      `${total.operations} operations, ${total.resurrected} resurrected entries, ` +
      `${Math.round(total.events / seconds)} events/s`,
  )
  return broken.length > 0 ? 1 : 0
}

if (process.argv[2] === '--worker') {
  // Nobody listens any more.
  process.once('disconnect', () => process.exit())
  process.once('message', (order: Order) => void work(order))
} else process.exitCode = await main()
