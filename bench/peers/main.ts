/**
 * LangChain.js `index()`, the LlamaIndex.TS ingestion pipeline and headwater in the same failures, each over a Qdrant of
 * its own: what the index holds afterwards. Arguments: letters of the cases; all by default.
 */
import { createRequire } from 'node:module'
import Table from 'cli-table3'
import { argument, finish, json, note } from '../report'
import { cases, type PeerCase } from './cases'
import { kinds } from './kinds'
import { openPostgres } from './postgres'
import { type Outcome, Stage } from './stage'

const packages = ['@langchain/core', '@langchain/community', '@langchain/qdrant', 'llamaindex', '@llamaindex/qdrant']
const letters = argument(0) ?? 'abcde'
const columns = ['expected', 'there', 'missing', 'stale', 'orphaned', 'double'] as const

/** By key in `kinds`; headwater needs nothing more. */
function isInstalled(key: string): boolean {
  if (key === 'headwater') return true
  const scope = key.startsWith('langchain') ? 'langchain' : 'llamaindex'
  return packages.filter((name) => name.includes(scope)).every((name) => versionOf(name) !== undefined)
}

function versionOf(name: string): string | undefined {
  const require = createRequire(import.meta.url)
  for (const folder of require.resolve.paths(name) ?? []) {
    try {
      return (require(`${folder}/${name}/package.json`) as { version: string }).version
    } catch {
      // Not in this folder.
    }
  }
  return undefined
}

interface Row extends Outcome {
  readonly what: string
  readonly store: string
}

function verdict({ right, final }: Outcome): string {
  if (right) return 'right'
  return final ? 'WRONG' : 'unfinished'
}

async function play(one: PeerCase, key: string): Promise<Row[]> {
  const stage = await Stage.open(key, url)
  const store = stage.kind.label
  const made: Row[] = []
  try {
    await one.play(stage, (what, outcome) => made.push({ what, store, ...outcome }))
  } catch (error) {
    failures.push({ store, error: String(error) })
  } finally {
    await stage.close()
  }
  return made
}

const rows: Row[] = []
const failures: { readonly store: string; readonly error: string }[] = []
const { url, stop } = await openPostgres()
for (const one of cases.filter(({ key }) => letters.includes(key))) {
  const stores = Object.keys(kinds).filter((key) => isInstalled(key) && (kinds[key]!.only ?? one.key).includes(one.key))
  const played = await Promise.all(stores.map((key) => play(one, key)))
  rows.push(...played.flat())
  if (!json) process.stderr.write('.')
}
await stop()

// One line of JSON is printed by `finish`.
if (json) note('outcomes', rows)
else {
  console.log()
  for (const what of new Set(rows.map((row) => row.what))) {
    const table = new Table({
      head: ['', ...columns, 'embedded', 'written', 'requests', 'seconds', ''],
      style: { head: [], border: [], compact: true },
    })
    for (const row of rows.filter((one) => one.what === what)) {
      const cost = [row.embedded, row.vectorsWritten, row.writeRequests, row.seconds.toFixed(1)]
      table.push([row.store, ...columns.map((column) => row[column]), ...cost, verdict(row)])
    }
    console.log(`\n${what}\n${table}`)
  }
}
for (const { store, error } of failures) note(`failed: ${store}`, error)
for (const name of packages) note(name, versionOf(name) ?? 'not installed: npm install --prefix bench/peers')
note('vectors in', process.env['QDRANT_URL'] ? 'Qdrant' : 'the Qdrant double')
if (rows.some(({ store, right, error }) => store === kinds['headwater']!.label && !right && !error))
  process.exitCode = 1
finish()
