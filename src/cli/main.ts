#!/usr/bin/env node
import { exitCodes } from './exit-codes'
import { runCli } from './run'

const interruption = new AbortController()
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.on(name, () => {
    // The second time, whoever sends it does not want to wait.
    if (interruption.signal.aborted) process.exit(exitCodes.interrupted)
    interruption.abort()
  })
}
// `headwater search ... | head` closes the pipe early, which is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(exitCodes.ok)
  throw error
})

const { stdout, stderr, env } = process
const io = {
  stdout,
  stderr,
  env,
  cwd: process.cwd(),
  signal: interruption.signal,
  // Opened only where somebody is asked.
  get stdin() {
    return process.stdin
  },
}
void runCli(process.argv.slice(2), io).then((code) => {
  process.exitCode = code
})
