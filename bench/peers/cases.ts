/** The failure cases. Each leaves rows: what the index holds at that point. */
import { sourceDocument } from './source'
import type { Outcome, Stage } from './stage'

export interface PeerCase {
  /** Its letter in the command. */
  readonly key: string
  /** Calls `row` whenever something is to be seen. */
  play(stage: Stage, row: (what: string, outcome: Outcome) => void): Promise<void>
}

/** Ten documents of 25 paragraphs. */
const documents = Array.from({ length: 10 }, (_, at) => sourceDocument(`d${at}`, 25))
const firstChanged = [sourceDocument('d0', 25, 1, [3]), ...documents.slice(1)]
const withoutFirst = documents.slice(1)
const long = sourceDocument('long', 250)
const longChanged = sourceDocument('long', 250, 1, [120])
const upTo = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, at) => from + at)
const shared = sourceDocument('shared', 50)
const versions = [sourceDocument('shared', 50, 1, upTo(0, 20)), sourceDocument('shared', 50, 2, upTo(20, 40))]

export const cases: readonly PeerCase[] = [
  {
    key: 'a',
    async play(stage, row) {
      await stage.runAndKill(documents, 'before')
      await stage.order({ do: 'run', documents })
      row('killed before the vectors are written; the same run again', await stage.look([documents]))
    },
  },
  {
    key: 'a',
    async play(stage, row) {
      await stage.runAndKill(documents, 'after')
      await stage.order({ do: 'run', documents })
      row('killed after the vectors are written; the same run again', await stage.look([documents]))
    },
  },
  {
    key: 'a',
    async play(stage, row) {
      await stage.runAndKill(documents, 'after')
      await stage.order({ do: 'run', documents: firstChanged })
      row('killed after them; a document has changed by the next run', await stage.look([firstChanged]))
    },
  },
  {
    key: 'a',
    async play(stage, row) {
      if (!stage.kind.removes) return
      await stage.runAndKill(documents, 'after')
      await stage.order({ do: 'run', documents: withoutFirst })
      row('killed after them; a document is gone by the next run', await stage.look([withoutFirst]))
    },
  },
  {
    key: 'b',
    async play(stage, row) {
      await stage.order({ do: 'run', documents })
      await stage.look([documents])
      await stage.wipe()
      await stage.order({ do: 'run', documents })
      row('index wiped; the same documents again', await stage.look([documents]))
    },
  },
  {
    key: 'b',
    async play(stage, row) {
      await stage.order({ do: 'run', documents })
      await stage.look([documents])
      await stage.wipe()
      await stage.order({ do: 'mend', documents })
      row('index wiped; the means that the store has for it', await stage.look([documents]))
    },
  },
  {
    key: 'c',
    async play(stage, row) {
      await stage.order({ do: 'run', documents, failAfter: 125 })
      row('embedding throws after half of the texts', await stage.look([documents], false))
      await stage.order({ do: 'run', documents })
      row('it works again; the same run again', await stage.look([documents]))
    },
  },
  {
    key: 'd',
    async play(stage, row) {
      await stage.order({ do: 'run', documents: [long] })
      row('a first run of 250 chunks, nothing fails', await stage.look([[long]]))
      await stage.order({ do: 'run', documents: [longChanged] })
      row('one chunk of 250 has changed', await stage.look([[longChanged]]))
    },
  },
  {
    key: 'e',
    async play(stage, row) {
      await stage.order({ do: 'run', documents: [shared] })
      await stage.look([[shared]])
      await stage.race(versions.map((version) => [version]))
      row('two writers of one document at once', await stage.look(versions.map((version) => [version])))
      await stage.order({ do: 'run', documents: [versions[1]!] })
      row('the second version once more', await stage.look([[versions[1]!]]))
    },
  },
]
