/** One store in one case: an empty Qdrant behind a proxy, an empty database, and the process that writes. */
import { type ChildProcess, fork } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { QdrantClient } from '@qdrant/js-client-rest'
import pg from 'pg'
import { startQdrantDouble } from '../../test/support/qdrant-double'
import { CountingProxy } from './counting-proxy'
import { compare, type Findings, heldVectors, isRight } from './examine'
import { kinds } from './kinds'
import type { PeerKind } from './peer'
import type { SourceDocument } from './source'
import type { Answer, Order } from './writer-process'

export interface Outcome extends Findings {
  readonly right: boolean
  /** False while the failure is still on. */
  readonly final: boolean
  /** Texts embedded, and calls of the embedder. */
  readonly embedded: number
  readonly calls: number
  readonly vectorsWritten: number
  readonly payloadsWritten: number
  readonly writeRequests: number
  /** From the order, and from the start of the process if it takes one, until the index was looked at last. */
  readonly seconds: number
  readonly error?: string
}

/** How long a store that works on in the background is waited for, in ms. */
const patienceMs = 150_000
const pollMs = 250

export class Stage {
  readonly kind: PeerKind
  readonly #key: string
  readonly #name: string
  readonly #folder: string
  readonly #postgresUrl: string
  readonly #qdrant: QdrantClient
  readonly #proxy: CountingProxy
  readonly #ends: (() => Promise<unknown>)[]
  #child: ChildProcess | undefined
  #last: { answer: Answer; at: number } = { answer: { texts: 0, calls: 0 }, at: 0 }

  private constructor(
    key: string,
    name: string,
    folder: string,
    postgresUrl: string,
    qdrant: QdrantClient,
    proxy: CountingProxy,
    ends: (() => Promise<unknown>)[],
  ) {
    this.kind = kinds[key]!
    this.#key = key
    this.#name = name
    this.#folder = folder
    this.#postgresUrl = postgresUrl
    this.#qdrant = qdrant
    this.#proxy = proxy
    this.#ends = ends
  }

  static async open(key: string, serverUrl: string): Promise<Stage> {
    const name = `hw_peers_${randomBytes(5).toString('hex')}`
    const folder = await mkdtemp(join(tmpdir(), 'hw-peers-'))
    const given = process.env['QDRANT_URL']
    const double = given ? undefined : await startQdrantDouble()
    const target = given ?? double!.url
    const qdrant = new QdrantClient({ url: target, checkCompatibility: false })
    const proxy = await CountingProxy.open(target, name)
    const admin = new pg.Client({ connectionString: serverUrl })
    await admin.connect()
    await admin.query(`CREATE DATABASE ${name}`)
    const url = new URL(serverUrl)
    url.pathname = `/${name}`
    return new Stage(key, name, folder, url.href, qdrant, proxy, [
      () => dropCollections(qdrant, name),
      () => proxy.close(),
      async () => double?.close(),
      () => admin.query(`DROP DATABASE ${name} WITH (FORCE)`),
      () => admin.end(),
      () => rm(folder, { recursive: true, force: true }),
    ])
  }

  /** Gives an order, to a new process if there is none, and resolves with its answer. */
  async order(order: Order): Promise<Answer> {
    const at = performance.now()
    this.#child ??= await this.#start()
    this.#proxy.reset()
    const answer = await this.#ask(this.#child, order)
    this.#last = { answer, at }
    return answer
  }

  /** Runs, and kills the process as its first vectors reach Qdrant, or when Qdrant has them and has not answered yet. */
  async runAndKill(documents: readonly SourceDocument[], when: 'before' | 'after'): Promise<void> {
    this.#child ??= await this.#start()
    const child = this.#child
    const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()))
    this.#proxy.hooks = {
      [when]: async () => {
        child.kill('SIGKILL')
        await gone
        throw new Error('whoever asked is dead')
      },
    }
    child.send({ do: 'run', documents } satisfies Order)
    await gone
    this.#proxy.hooks = {}
    this.#child = undefined
  }

  /** Two writers at once: vectors are let through when both have come to that point, or after 2 s. */
  async race(versions: readonly (readonly SourceDocument[])[]): Promise<Answer> {
    let arrived = 0
    let open: () => void = () => undefined
    const both = new Promise<void>((resolve) => {
      open = resolve
    })
    this.#proxy.hooks = {
      async before() {
        if (++arrived === versions.length) open()
        await Promise.race([both, delay(2_000)])
      },
    }
    const answer = await this.order({ do: 'race', versions })
    this.#proxy.hooks = {}
    return answer
  }

  /** Somebody drops the store's collections. */
  wipe(): Promise<void> {
    return dropCollections(this.#qdrant, this.#name)
  }

  /**
   * What the index holds, compared with whichever of `sources` fits best, and what the last order cost. `patient`: the
   * failure is over, and a store that works in the background is looked at until all is right.
   */
  async look(sources: readonly (readonly SourceDocument[])[], patient = true): Promise<Outcome> {
    const until = performance.now() + (patient && this.kind.background ? patienceMs : 0)
    for (;;) {
      const held = await heldVectors(this.#qdrant, this.#name)
      const found = sources.map((source) => compare(held, source)).sort((a, b) => faults(a) - faults(b))[0]!
      const right = isRight(found)
      if (!right && performance.now() < until) {
        await delay(pollMs)
        continue
      }
      const { answer, at } = this.#last
      const seconds = (performance.now() - at) / 1_000
      const { texts, calls } =
        this.kind.background && this.#child ? await this.#ask(this.#child, { do: 'count' }) : answer
      const { vectors, payloads, requests } = this.#proxy.counts
      return {
        ...found,
        right,
        final: patient,
        embedded: texts,
        calls,
        vectorsWritten: vectors,
        payloadsWritten: payloads,
        writeRequests: requests,
        seconds,
        ...(answer.error !== undefined && { error: answer.error }),
      }
    }
  }

  async close(): Promise<void> {
    if (this.#child) {
      const ended = new Promise((resolve) => this.#child!.once('exit', resolve))
      await this.#ask(this.#child, { do: 'close' })
      await ended
    }
    for (const end of this.#ends) await end()
  }

  async #start(): Promise<ChildProcess> {
    const file = fileURLToPath(new URL('./writer-process.ts', import.meta.url))
    const settings = {
      qdrantUrl: this.#proxy.url,
      postgresUrl: this.#postgresUrl,
      name: this.#name,
      folder: this.#folder,
    }
    // What the stores print is not part of the table.
    const child = fork(file, [this.#key, JSON.stringify(settings)], {
      execArgv: [...process.execArgv],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    })
    await answerOf(child)
    return child
  }

  #ask(child: ChildProcess, order: Order): Promise<Answer> {
    const answer = answerOf(child)
    child.send(order)
    return answer
  }
}

function answerOf(child: ChildProcess): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const ended = (code: number | null): void => reject(new Error(`a writer's process ended early with ${code}`))
    child.once('exit', ended)
    child.once('message', (answer) => {
      child.off('exit', ended)
      resolve(answer as Answer)
    })
  })
}

function faults({ missing, stale, orphaned, double }: Findings): number {
  return missing + stale + orphaned + double
}

async function dropCollections(qdrant: QdrantClient, start: string): Promise<void> {
  const { collections } = await qdrant.getCollections()
  for (const { name } of collections) if (name.startsWith(start)) await qdrant.deleteCollection(name)
}
