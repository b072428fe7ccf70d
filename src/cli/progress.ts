import type { CliIo } from './io'

/** Shows how far something is. */
export interface Progress {
  update(done: number, total?: number): void
  stop(): void
}

const plainEveryMs = 5_000

/** A bar on a terminal; elsewhere a plain line now and then. Always on stderr, so that stdout is the result alone. */
export async function startProgress(io: CliIo, label: string, unit: string, total: number): Promise<Progress> {
  if (!io.stderr.isTTY) return plainProgress(io, label, unit, total)
  const { default: cliProgress } = await import('cli-progress')
  const bar = new cliProgress.SingleBar(
    {
      stream: io.stderr as NodeJS.WritableStream,
      format: `${label} {bar} {percentage}% | {value}/{total} ${unit} | {rate}/s`,
      hideCursor: true,
      // Otherwise it handles SIGINT itself and ends the process.
      gracefulExit: false,
    },
    cliProgress.Presets.shades_classic,
  )
  const startedAt = Date.now()
  const rate = (done: number): number => Math.round((done * 1_000) / Math.max(1, Date.now() - startedAt))
  bar.start(total, 0, { rate: 0 })
  return {
    update(done, now) {
      if (now !== undefined) bar.setTotal(now)
      bar.update(done, { rate: rate(done) })
    },
    stop: () => bar.stop(),
  }
}

function plainProgress(io: CliIo, label: string, unit: string, total: number): Progress {
  let saidAt = Date.now()
  let most = total
  const say = (done: number): void => void io.stderr.write(`${label}: ${done} of ${most} ${unit}\n`)
  if (total > 0) say(0)
  return {
    update(done, now) {
      most = now ?? most
      if (Date.now() - saidAt < plainEveryMs) return
      saidAt = Date.now()
      say(done)
    },
    stop() {},
  }
}
