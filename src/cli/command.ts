import type { Command } from 'commander'
import type { CliContext } from './context'

/** Runs a command: its options, then its arguments. Returns the exit code; 0 when it returns nothing. */
export type Work<O, A extends readonly unknown[]> = (
  context: CliContext,
  options: O,
  ...args: A
) => Promise<number | undefined>

/** Makes commander's action of a command's work. */
export type Run = <O, A extends readonly unknown[]>(work: Work<O, A>) => (...args: unknown[]) => Promise<void>

/** Adds a command to the program. */
export type Register = (program: Command, run: Run) => void
