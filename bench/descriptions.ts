/**
 * Package descriptions as a corpus: `apt-cache dumpavail`, or the fuller texts of a Translation file
 * (`/usr/lib/apt/apt-helper cat-file /var/lib/apt/lists/*_Translation-en*`).
 */
import { readFileSync } from 'node:fs'

export interface Description {
  readonly name: string
  readonly text: string
}

/** One chunk each: what is longer is cut. */
const longest = 1_000

/** The first so many packages of a file, each once. */
export function readDescriptions(file: string, count: number): Description[] {
  const found = new Map<string, Description>()
  for (const stanza of readFileSync(file, 'utf8').split('\n\n')) {
    if (found.size === count) break
    const name = /^Package: (.+)$/m.exec(stanza)?.[1]
    const [, title, body] = /^Description(?:-[a-z]+)?: (.*)\n((?: .*\n?)*)/m.exec(stanza) ?? []
    if (name === undefined || title === undefined || found.has(name)) continue
    const text = `${title}\n${body!.replace(/^ \.?/gm, '')}`.trim().slice(0, longest)
    found.set(name, { name, text })
  }
  if (found.size < count) throw new Error(`${file} describes ${found.size} packages, ${count} are wanted`)
  return [...found.values()]
}
