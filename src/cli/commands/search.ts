import { HeadwaterError } from '../../core/errors'
import type { SearchHit, SearchPage, SearchQuery } from '../../search/query'
import type { Register } from '../command'
import { numberFrom } from '../number-flag'
import { boldMarks, type Output } from '../output'

interface SearchFlags {
  readonly mode?: string
  readonly limit: string
  readonly filter?: string
  readonly groupBy?: string
  readonly explain?: boolean
  readonly cursor?: string
}

export const registerSearch: Register = (program, run) => {
  program
    .command('search')
    .description('search a collection')
    .argument('<query...>', 'words')
    .option('--mode <mode>', 'hybrid, text or vector')
    .option('--limit <number>', 'hits', '10')
    .option('--filter <json>', `e.g. '{"extension":"md"}'`)
    .option('--group-by <what>', 'document: one hit a document')
    .option('--explain', 'rank and score of each leg')
    .option('--cursor <cursor>', 'the next page: "cursor" of the page before, from --json')
    .action(
      run(async (context, flags: SearchFlags, words: string[]) => {
        const query: SearchQuery = {
          query: words.join(' '),
          mode: flags.mode as SearchQuery['mode'],
          limit: numberFrom('--limit', flags.limit, { least: 1 }),
          filter: flags.filter === undefined ? undefined : parseJson(flags.filter),
          groupBy: flags.groupBy as SearchQuery['groupBy'],
          explain: flags.explain,
          cursor: flags.cursor,
          highlight: context.out.json ? true : boldMarks,
        }
        return context.withStore({ mode: 'read' }, async (store) => {
          const page = await context.handle(store).search(query as never, { signal: context.signal })
          context.out.document(page)
          await printPage(context.out, page, flags.explain === true)
          // A cursor holds its candidates and is long, so it is for machines.
          if (page.cursor !== undefined) context.out.line('There is more: raise --limit, or take the cursor of --json.')
          return undefined
        })
      }),
    )
}

/** Ranked hits for people. */
export async function printPage(out: Output, page: SearchPage, explain = false): Promise<void> {
  for (const { leg, reason } of page.degraded) out.notice(`The ${leg} leg did not answer: ${reason}`, 'warn')
  if (page.hits.length === 0) out.line('Nothing found.')
  await out.table(
    [
      { title: '#', right: true },
      { title: 'score', right: true },
      { title: 'title', grow: 1 },
      { title: 'passage', grow: 2 },
      ...(explain ? [{ title: 'legs' }] : []),
    ],
    page.hits.map((hit, at) => [
      at + 1,
      hit.score.toFixed(4),
      hit.title === '' ? hit.documentId : `${hit.title}\n${hit.documentId}`,
      hit.highlights?.[0] ?? hit.text.slice(0, 200).toWellFormed().replace(/\s+/g, ' '),
      ...(explain ? [legsOf(hit)] : []),
    ]),
  )
}

function legsOf({ explain = {} }: SearchHit): string {
  return (['text', 'vector'] as const)
    .flatMap((leg) => {
      const place = explain[leg]
      return place ? [`${leg} #${place.rank} ${place.score.toFixed(3)}`] : []
    })
    .join('\n')
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new HeadwaterError('HW_INVALID_FILTER', `--filter: is not JSON: ${text}`, { cause, path: '--filter' })
  }
}
