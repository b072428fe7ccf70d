import { shortened } from '../../core/describe-value'

const longest = 200
/** Each ends where another begins, so that a line of beginnings is read once. An address may hold parentheses. */
const image = /!\[[^[\]]*\](?:\((?:[^()]|\([^()]*\))*\)|\[[^[\]]*\])/g
const link = /\[([^[\]]*)\](?:\((?:[^()]|\([^()]*\))*\)|\[[^[\]]*\])/g
/** So much of a line is looked at; a title that begins later is none. */
const longestLine = 1_000

/** The title that a text gives itself: its first heading of the first level, as plain words; undefined without one. */
export function titleOf(text: string, contentType: string): string | undefined {
  if (contentType === 'text/markdown') return markdownTitle(text)
  return contentType === 'text/x-rst' ? rstTitle(text) : undefined
}

function markdownTitle(text: string): string | undefined {
  let fence: string | undefined
  let comment = false
  let above = ''
  for (const line of lines(text)) {
    const mark = /^ {0,3}(`{3,}|~{3,})/.exec(line)?.[1]
    if (fence !== undefined) {
      if (mark?.startsWith(fence) && line.trim() === mark) fence = undefined
      continue
    }
    if (comment || /^ {0,3}<!--/.test(line)) {
      comment = !line.includes('-->', comment ? 0 : 4)
      continue
    }
    if (mark) {
      fence = mark
      continue
    }
    const heading = /^ {0,3}#[ \t]+(.*)$/.exec(line)?.[1]?.replace(/[ \t]#+[ \t]*$/, '')
    const element = /^ {0,3}<h1(?:\s[^>]*)?>(.*)<\/h1>\s*$/i.exec(line)?.[1]
    const underlined = /^ {0,3}=+[ \t]*$/.test(line) && above.trim() !== '' ? above : undefined
    const title = plain(heading ?? element ?? underlined ?? '')
    if (title) return title
    above = line
  }
  return undefined
}

/** A line over a line of one sign, at least as long; another may be above it. The first one is of the first level. */
function rstTitle(text: string): string | undefined {
  let above = ''
  for (const line of lines(text)) {
    const title = above.trim()
    const sign = /^([!-/:-@[-`{-~])\1*\s*$/.test(line)
    if (sign && title !== '' && !/^([!-/:-@[-`{-~])\1*$/.test(title) && line.trimEnd().length >= width(title)) {
      return shortened(title.replaceAll(/[`*|]+/g, '').replaceAll(/\s+/g, ' '), longest)
    }
    above = line
  }
  return undefined
}

/** Docutils asks for as many columns; wide letters take two, and who counts letters is right too. */
function width(title: string): number {
  return Math.max(2, [...title].length)
}

/** Lazily, because the heading is at the top of most texts; of a long line the beginning. */
function* lines(text: string): Generator<string> {
  for (let at = 0; at < text.length; ) {
    const end = text.indexOf('\n', at)
    const stop = end < 0 ? text.length : end
    yield text.slice(at, Math.min(at + longestLine, text[stop - 1] === '\r' ? stop - 1 : stop))
    at = stop + 1
  }
}

function plain(markdown: string): string {
  const words = markdown
    .replace(image, '')
    .replace(link, '$1')
    .replace(/<[^<>]*>/g, '')
    .replace(/\*\*|__|`/g, '')
    .replace(/\s+/g, ' ')
    .trim()
  return shortened(words, longest)
}
