import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** One request of the transcript and the real server's answer. */
export interface Exchange {
  readonly section: string
  readonly note?: string
  readonly server?: string
  readonly method: string
  readonly path: string
  readonly headers?: Record<string, string>
  readonly body?: unknown
  readonly status: number | 'connection error'
  readonly response: unknown
}

const place =
  process.env['HW_QDRANT_TRANSCRIPT'] ??
  fileURLToPath(new URL('../../../shared/qdrant/transcript.jsonl', import.meta.url))

/** The recorded exchanges, or undefined (said aloud) where the file is not there. */
export function readTranscript(): Exchange[] | undefined {
  if (!existsSync(place)) {
    console.warn(`SKIPPED: no Qdrant transcript at ${place}; set HW_QDRANT_TRANSCRIPT to its path`)
    return undefined
  }
  const lines = readFileSync(place, 'utf8').split('\n')
  return lines.filter((line) => line.trim() !== '').map((line) => JSON.parse(line) as Exchange)
}
