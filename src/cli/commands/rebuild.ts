import { HeadwaterError } from '../../core/errors'
import type { SplitterOptions } from '../../splitter/select'
import type { RebuildProgress } from '../../writer/rebuild/rebuild'
import type { Register } from '../command'
import { numberFrom } from '../number-flag'
import { startProgress } from '../progress'
import { targetFrom } from '../target'

interface Flags {
  readonly target?: string
  readonly engine?: string
  readonly splitter?: string
  readonly rate?: string
}

export const registerRebuild: Register = (program, run) => {
  program
    .command('rebuild')
    .description('build an index anew beside the live one, prove it equal, and switch; run again, it resumes')
    .option('--target <target>', 'vector or text')
    .option('--engine <name>', 'move to it: postgres, qdrant or elasticsearch')
    .option('--splitter <sizes>', 'cut all documents anew and rebuild both: default, SIZE or SIZE,MAX')
    .option('--rate <number>', 'chunks a second at most')
    .action(
      run(async (context, flags: Flags) => {
        const target = targetFrom(flags.target)
        const splitter = flags.splitter === undefined ? undefined : sizesFrom(flags.splitter)
        if ((splitter === undefined) === (target === undefined)) {
          throw wrong('--target', 'give vector or text, or --splitter alone, which rebuilds both')
        }
        const { engine } = flags
        if (engine !== undefined && target === undefined) {
          throw wrong('--engine', 'goes with --target: each index moves by itself')
        }
        const rate = numberFrom('--rate', flags.rate, { least: 0.001, unit: 'chunks a second', fractions: true })
        return context.withStore({ mode: 'write' }, async (store) => {
          const { out, io, signal, collection } = context
          const progress = await startProgress(io, 'Rebuilding', splitter ? 'documents, then chunks' : 'chunks', 0)
          const onProgress = ({ done, total }: RebuildProgress): void => progress.update(done, total)
          const common = { collection, rate, signal, onProgress }
          if (target) {
            const result = await store.rebuild({ ...common, target, engine }).finally(() => progress.stop())
            const { generation, copied, mended } = result
            out.document({ target, collection, ...result })
            const where = engine === undefined ? '' : `, in ${engine}`
            out.line(`${generation} is live${where}: ${copied} chunks copied, ${mended} mended before the switch`)
            return undefined
          }
          const result = await store.rebuild({ ...common, splitter: splitter! }).finally(() => progress.stop())
          const { generations, chunking, cut, copied, mended } = result
          out.document({ collection, ...result })
          out.line(`${generations.vector} and ${generations.text} are live, cut by ${chunking}:`)
          out.line(`${cut} documents cut, ${copied} entries copied, ${mended} mended before the switch`)
          return undefined
        })
      }),
    )
}

/** The value of --splitter. */
function sizesFrom(given: string): SplitterOptions {
  if (given === 'default') return {}
  const [, size, max] = /^(\d{1,9})(?:,(\d{1,9}))?$/.exec(given) ?? []
  if (size !== undefined) return { size: Number(size), ...(max !== undefined && { max: Number(max) }) }
  throw wrong('--splitter', `must be default, SIZE or SIZE,MAX, got ${JSON.stringify(given)}; your own needs code`)
}

function wrong(path: string, problem: string): HeadwaterError {
  return new HeadwaterError('HW_INVALID_ARGUMENT', `${path}: ${problem}`, { path })
}
