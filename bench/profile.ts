/**
 * Where the processor time of this process goes: a profile of `putMany` of documents of one chunk, or of single puts,
 * into Postgres, Qdrant (a sink where there is none) and Elasticsearch. Self time by function, and by whose code it is.
 */
import { Session } from 'node:inspector/promises'
import { findSourceMap } from 'node:module'
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { fullProfile } from './full-profile'
import { argument, finish, note } from './report'

const what = argument(0) ?? 'putMany'
if (what !== 'putMany' && what !== 'put') throw new Error('usage: npm run bench -- profile putMany|put [documents]')
const size = Number(argument(1) ?? (what === 'put' ? 2_000 : 10_000))
const callers = Number(argument(2) ?? 20)
const relay = process.argv.includes('--external') ? 'external' : 'background'
const samplingUs = 200
const shown = 25

const profile = await fullProfile(size + 200, { sink: true })
const inputs = profile.documents.map(({ id, title, text, metadata }) => ({ id, title, text, metadata }))
const store = await profile.open({ relay })
const { documents } = store.forTenant('bench')

async function write(some: typeof inputs): Promise<void> {
  if (what === 'putMany') {
    const { failed } = await documents.putMany(some)
    if (failed.length > 0) throw failed[0]!.error
    return
  }
  let next = 0
  const caller = async (): Promise<void> => {
    for (let at = next++; at < some.length; at = next++) await documents.put(some[at]!)
  }
  await Promise.all(Array.from({ length: callers }, caller))
}

await write(inputs.slice(size))
const session = new Session()
session.connect()
await session.post('Profiler.enable')
await session.post('Profiler.setSamplingInterval', { interval: samplingUs })
const { user, system } = process.cpuUsage()
const began = performance.now()
await session.post('Profiler.start')
await write(inputs.slice(0, size))
const { profile: taken } = await session.post('Profiler.stop')
const took = performance.now() - began
const spent = process.cpuUsage()
const processorMs = (spent.user + spent.system - user - system) / 1_000
session.disconnect()
await store.close()
await profile.close()

interface Place {
  readonly name: string
  readonly owner: string
  ms: number
}

const places = new Map<string, Place>()
const byNode = new Map(taken.nodes.map((node) => [node.id, placeOf(node.callFrame)]))
const parents = new Map(taken.nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id] as const)))
/** With what it calls of others' code, of Node and the collector included. */
const charged = new Map<string, number>()
for (const [at, id] of (taken.samples ?? []).entries()) {
  const ms = (taken.timeDeltas![at] ?? 0) / 1_000
  byNode.get(id)!.ms += ms
  const ours = nearest(id)
  if (ours) charged.set(ours.name, (charged.get(ours.name) ?? 0) + ms)
}

/** The innermost function of ours under which a node runs; none where a promise of others' was resumed. */
function nearest(id: number): Place | undefined {
  for (let at: number | undefined = id; at !== undefined; at = parents.get(at)) {
    const place = byNode.get(at)!
    if (place.owner === 'headwater') return place
  }
  return undefined
}

function placeOf(frame: { functionName: string; url: string; lineNumber: number; columnNumber: number }): Place {
  const { functionName, url, lineNumber, columnNumber } = frame
  const found = url.startsWith('file:') ? original(url, lineNumber, columnNumber) : url
  const name = `${functionName || '(anonymous)'} ${found}`.trim()
  const made = places.get(name) ?? { name, owner: ownerOf(functionName, found), ms: 0 }
  places.set(name, made)
  return made
}

/** File and line as they were written: what runs has been transformed. */
function original(url: string, line: number, column: number): string {
  const path = fileURLToPath(url)
  const entry = findSourceMap(path)?.findEntry(line, column) ?? findSourceMap(url)?.findEntry(line, column)
  const at: unknown = Reflect.get(Object(entry), 'originalLine')
  return `${relative(process.cwd(), path)}:${(typeof at === 'number' ? at : line) + 1}`
}

function ownerOf(name: string, place: string): string {
  if (/^\((garbage|program|idle)/.test(name)) return name
  if (place.startsWith('src/') || place.startsWith('index.ts')) return 'headwater'
  if (place.startsWith('bench/') || place.startsWith('test/')) return 'bench'
  const [, found] = /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(place) ?? []
  return found ?? (place.startsWith('node:') ? 'node' : 'native')
}

const busy = [...places.values()].filter(({ owner }) => owner !== '(idle)')
const whole = busy.reduce((sum, { ms }) => sum + ms, 0)
/** Of the processor time, us a document, and its share: what is sampled also waits for a processor. */
const share = (ms: number): string => {
  const part = ms / whole
  return `${((part * processorMs * 1_000) / size).toFixed(1).padStart(7)} us ${(part * 100).toFixed(1).padStart(5)}%`
}
note('documents', `${size}, ${what}${what === 'put' ? ` by ${callers} callers` : ''}, relay ${relay}`)
note('took', `${took.toFixed(0)} ms, ${processorMs.toFixed(0)} ms of processor, ${whole.toFixed(0)} ms sampled`)

const owners = new Map<string, number>()
for (const { owner, ms } of busy) owners.set(owner, (owners.get(owner) ?? 0) + ms)
print(
  'self time by whose code it is',
  [...owners].map(([name, ms]) => ({ name, ms })),
)
print(
  `the first ${shown} functions of ours`,
  busy.filter(({ owner }) => owner === 'headwater'),
)
print(
  `the first ${shown} of ours, with what they call of others' code`,
  [...charged].map(([name, ms]) => ({ name, ms })),
)
print(
  `the first ${shown} others`,
  busy.filter(({ owner }) => owner !== 'headwater'),
)
finish()

function print(title: string, rows: readonly { readonly name: string; readonly ms: number }[]): void {
  const most = rows.toSorted((a, b) => b.ms - a.ms).slice(0, shown)
  note(title, `\n${most.map(({ name, ms }) => `    ${share(ms)}  ${name}`).join('\n')}`)
}
