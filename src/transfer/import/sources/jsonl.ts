import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { throwIfAborted } from '../../../core/abort'
import { isPlainObject } from '../../../core/json'
import { unreadable } from '../../unreadable'
import type { ImportSource, SourceRow } from '../source'
import { fileStamp, nameOfFile } from './files'

/** A line that is longer than this is passed over: documents are smaller. */
const longestLine = 64 * 2 ** 20

/** A file of one JSON object a line. Its cursor is the byte at which the next line begins. */
export function jsonlSource(file: string): ImportSource {
  return {
    kind: 'jsonl',
    async parts() {
      await stat(file).catch((cause: unknown) => {
        throw unreadable(file, cause)
      })
      return [{ name: nameOfFile(file), rows: null }]
    },
    async *rows(_, { after, signal }) {
      for await (const { text, end } of linesOf(file, typeof after === 'number' ? after : 0)) {
        throwIfAborted(signal)
        if (text?.trim() !== '') yield rowOf(text, end)
      }
    },
    stamp: () => fileStamp(file),
    close: async () => {},
  }
}

function rowOf(text: string | undefined, cursor: number): SourceRow {
  const problem = (what: string): SourceRow => ({
    values: {},
    cursor,
    problem: `the line up to byte ${cursor} ${what}`,
  })
  if (text === undefined) return problem(`is longer than ${longestLine} bytes`)
  try {
    const values: unknown = JSON.parse(text)
    return isPlainObject(values) ? { values, cursor } : problem('is no JSON object')
  } catch {
    return problem('is no JSON')
  }
}

interface Line {
  /** Undefined where it is too long. */
  readonly text: string | undefined
  /** The byte after its end. */
  readonly end: number
}

/** Lines of UTF-8 from a byte on; no more than one of them is held. */
async function* linesOf(file: string, start: number): AsyncGenerator<Line> {
  const held: Buffer[] = []
  let bytes = 0
  let end = start
  const line = (): Line => {
    const text = bytes <= longestLine ? Buffer.concat(held).toString('utf8') : undefined
    held.length = 0
    bytes = 0
    return { text, end }
  }
  const hold = (part: Buffer): void => {
    bytes += part.length
    end += part.length
    if (bytes <= longestLine) held.push(part)
    else held.length = 0
  }
  try {
    for await (const chunk of createReadStream(file, { start, highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>) {
      let from = 0
      for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, from)) {
        hold(chunk.subarray(from, at))
        end++
        from = at + 1
        yield line()
      }
      hold(chunk.subarray(from))
    }
  } catch (cause) {
    throw unreadable(file, cause)
  }
  if (bytes > 0) yield line()
}
