import { startQdrantDouble } from '../support/qdrant-double'
import type { Exchange } from './transcript'

interface Answered {
  readonly status: number | 'connection error'
  readonly response: unknown
}

/** Sends each request of the transcript in turn, to servers with the keys that it names. */
export async function replay(
  exchanges: readonly Exchange[],
  check: (exchange: Exchange, answered: Answered, index: number) => void,
): Promise<void> {
  const open = await startQdrantDouble()
  const locked = await startQdrantDouble({ apiKey: 'secret', readOnlyKey: 'readonly' })
  const player = new Player()
  try {
    for (const [index, exchange] of exchanges.entries()) {
      const url = exchange.server === undefined ? open.url : locked.url
      check(exchange, await player.send(url, exchange), index)
    }
  } finally {
    await open.close()
    await locked.close()
  }
}

class Player {
  /** Recorded names of snapshots to those of this run. */
  readonly #snapshots = new Map<string, string>()
  #downloaded = Buffer.alloc(0)

  async send(url: string, exchange: Exchange): Promise<Answered> {
    let path = exchange.path
    for (const [recorded, real] of this.#snapshots) path = path.replace(recorded, real)
    try {
      const response = await fetch(url + path, {
        method: exchange.method,
        headers: { 'content-type': 'application/json', ...exchange.headers },
        ...this.#body(exchange),
      })
      const text = await response.text()
      const json = response.headers.get('content-type')?.startsWith('application/json')
      const answered = { status: response.status, response: json ? JSON.parse(text) : text }
      if (exchange.method === 'POST' && /\/snapshots\?/.test(path)) await this.#keep(url, path, exchange, answered)
      return answered
    } catch (cause) {
      return { status: 'connection error', response: String(cause) }
    }
  }

  #body(exchange: Exchange): RequestInit {
    if (exchange.note?.startsWith('upsert body of 34 MiB')) return { body: Buffer.alloc(34 * 1024 * 1024, 0x20) }
    if (exchange.path.includes('/snapshots/upload')) {
      const form = new FormData()
      form.append('snapshot', new Blob([this.#downloaded]), 'x.snapshot')
      return { body: form, headers: {} }
    }
    if (exchange.body === undefined) return {}
    return { body: typeof exchange.body === 'string' ? exchange.body : JSON.stringify(exchange.body) }
  }

  async #keep(url: string, path: string, exchange: Exchange, answered: Answered): Promise<void> {
    const recorded = (exchange.response as { result: { name: string } }).result.name
    const real = (answered.response as { result: { name: string } }).result.name
    this.#snapshots.set(recorded, real)
    const file = await fetch(`${url}${path.split('?')[0]}/${real}`)
    this.#downloaded = Buffer.from(await file.arrayBuffer())
  }
}
