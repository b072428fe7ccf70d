// Checks the links of the Markdown files to one another: that the file is there, and the heading of an anchor in it.
// `node scripts/check-links.mjs [folder]`; the files at the top of the folder and all below its docs/.
import fs from 'node:fs'
import path from 'node:path'
import { root } from './setup.mjs'

const top = path.resolve(process.argv[2] ?? root)

function* markdownBelow(folder) {
  for (const entry of fs.readdirSync(folder, { withFileTypes: true })) {
    const full = path.join(folder, entry.name)
    if (entry.isDirectory()) yield* markdownBelow(full)
    else if (entry.name.endsWith('.md')) yield full
  }
}

/** The lines that are prose: those of fenced code are left empty, so that numbers of lines stay right. */
function proseOf(file) {
  let fence
  return fs
    .readFileSync(file, 'utf8')
    .split('\n')
    .map((line) => {
      const mark = /^\s*(```+|~~~+)/.exec(line)?.[1]
      const inCode = fence !== undefined || mark !== undefined
      if (fence === undefined) fence = mark
      else if (mark?.startsWith(fence)) fence = undefined
      return inCode ? '' : line
    })
}

const anchors = new Map()

/** The anchors of a file, as GitHub makes them of its headings. */
function anchorsOf(file) {
  const known = anchors.get(file)
  if (known) return known
  const found = new Set()
  const seen = new Map()
  for (const line of proseOf(file)) {
    for (const [, id] of line.matchAll(/<a (?:id|name)="([^"]+)"/g)) found.add(id)
    const heading = /^#{1,6} +(.*?)(?: +#+)? *$/.exec(line)?.[1]
    if (heading === undefined) continue
    const text = heading
      .replace(/!?\[([^\]]*)\]\([^)]*\)/g, '$1')
      .replace(/(?<!\w)_([^_]+)_(?!\w)/g, '$1')
      .toLowerCase()
    const slug = text.replace(/[^\p{L}\p{N}\p{M} _-]/gu, '').replaceAll(' ', '-')
    const count = seen.get(slug) ?? 0
    seen.set(slug, count + 1)
    found.add(count === 0 ? slug : `${slug}-${count}`)
  }
  anchors.set(file, found)
  return found
}

/** What is wrong with a link from `file`, or undefined. */
function faultOf(file, target) {
  if (/^([a-z][a-z0-9+.-]*:|\/\/)/i.test(target)) return undefined
  const [name, anchor] = target.split('#', 2).map(decodeURIComponent)
  const wanted = name === '' ? file : path.resolve(path.dirname(file), name)
  if (path.relative(top, wanted).startsWith('..')) return 'leads out of the project'
  if (!fs.existsSync(wanted)) return 'no such file'
  if (anchor === undefined || anchor === '') return undefined
  if (!wanted.endsWith('.md')) return 'an anchor of what is no Markdown'
  return anchorsOf(wanted).has(anchor) ? undefined : `no heading for #${anchor}`
}

const inline = /\]\(\s*<?([^)<>\s]+)>?(?:\s+"[^"]*")?\s*\)/g
const definition = /^\s{0,3}\[[^\]]+\]:\s+<?([^<>\s]+)>?/g
const docs = path.join(top, 'docs')
const files = [
  ...fs.readdirSync(top).flatMap((name) => (name.endsWith('.md') ? [path.join(top, name)] : [])),
  ...(fs.existsSync(docs) ? markdownBelow(docs) : []),
]
let links = 0
let faults = 0
for (const file of files) {
  for (const [at, line] of proseOf(file).entries()) {
    const prose = line.replace(/`[^`]*`/g, '``')
    for (const [, target] of [...prose.matchAll(inline), ...prose.matchAll(definition)]) {
      links++
      const fault = faultOf(file, target)
      if (fault === undefined) continue
      faults++
      console.error(`${path.relative(top, file)}:${at + 1}: ${target}: ${fault}`)
    }
  }
}
console.log(`${links} links in ${files.length} Markdown files, ${faults} of them broken`)
process.exitCode = faults > 0 ? 1 : 0
