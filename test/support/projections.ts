import type { TestDatabase } from './postgres'

/** An entry of an index as its engine holds it. */
export interface Projected {
  readonly id: string
  readonly tenant: string
  readonly document: string
  readonly fence: number
  /** The words of a text entry, the numbers of a vector. */
  readonly content: unknown
}

const page = 1_000

/** Every point of a Qdrant collection by id, read by plain HTTP: shares no code with what wrote it. */
export async function pointsOf(url: string, collection: string): Promise<Projected[]> {
  const found: Projected[] = []
  for (let offset: unknown = null; offset !== undefined; ) {
    const body = { limit: page, with_payload: true, with_vector: true, ...(offset !== null && { offset }) }
    const { result } = await ask(`${url}/collections/${encodeURIComponent(collection)}/points/scroll`, body)
    for (const { id, payload, vector } of result.points) {
      const { tenant, document, f } = payload
      found.push({ id, tenant, document, fence: f, content: vector })
    }
    offset = result.next_page_offset ?? undefined
  }
  return found.sort(byId)
}

/** Every document of an Elasticsearch index by id, read by plain HTTP. */
export async function entriesOf(url: string, index: string): Promise<Projected[]> {
  await ask(`${url}/${index}/_refresh`, undefined)
  const found: Projected[] = []
  for (let after: unknown; ; ) {
    const body = {
      size: page,
      version: true,
      sort: ['id'],
      ...(after !== undefined && { search_after: after }),
    }
    const { hits } = (await ask(`${url}/${index}/_search`, body)).hits
    for (const { _source, _version, sort } of hits) {
      const { id, tenant, document, title, text } = _source
      found.push({ id, tenant, document, fence: _version, content: { title, text } })
      after = sort
    }
    if (hits.length < page) return found.sort(byId)
  }
}

/** What both indexes of a collection hold, by the names that the truth gives for its live generations. */
export async function projectionsOf(
  database: TestDatabase,
  urls: { readonly qdrant: string; readonly elasticsearch: string },
  collection = 'documents',
): Promise<{ vector: Projected[]; text: Projected[] }> {
  const live = await database.admin(
    `SELECT target, name FROM headwater.generations WHERE state = 'live' AND collection = $1`,
    [collection],
  )
  const name = (target: string): string => live.rows.find((row) => row.target === target)!.name
  const { rows } = await database.admin(
    `SELECT value #>> '{}' AS value FROM headwater.registry WHERE name = 'installation'`,
  )
  return {
    vector: await pointsOf(urls.qdrant, name('vector')),
    text: await entriesOf(urls.elasticsearch, `headwater_${rows[0]!.value}-${name('text')}`),
  }
}

// biome-ignore lint/suspicious/noExplicitAny: answers of servers, read by tests only
async function ask(url: string, body: object | undefined): Promise<any> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'accept-encoding': 'identity' },
    ...(body && { body: JSON.stringify(body) }),
  })
  if (!response.ok) throw new Error(`${url}: ${response.status} ${await response.text()}`)
  return response.json()
}

function byId(one: Projected, other: Projected): number {
  return one.id < other.id ? -1 : one.id > other.id ? 1 : 0
}
