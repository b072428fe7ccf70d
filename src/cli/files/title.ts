const longest = 200

/** The first heading of a Markdown text as plain words, or undefined. */
export function markdownTitle(text: string): string | undefined {
  let fence: string | undefined
  let above = ''
  for (const line of lines(text)) {
    const mark = /^ {0,3}(`{3,}|~{3,})/.exec(line)?.[1]
    if (fence !== undefined) {
      if (mark?.startsWith(fence) && line.trim() === mark) fence = undefined
      continue
    }
    if (mark) {
      fence = mark
      continue
    }
    const heading = /^ {0,3}#{1,6}[ \t]+(.*?)(?:[ \t]+#+)?[ \t]*$/.exec(line)?.[1]
    const underlined = /^ {0,3}(=+|-{2,})[ \t]*$/.test(line) && above.trim() !== '' ? above : undefined
    const title = plain(heading ?? underlined ?? '')
    if (title) return title
    above = line
  }
  return undefined
}

/** Lazily, because the heading is at the top of most texts. */
function* lines(text: string): Generator<string> {
  for (let at = 0; at < text.length; ) {
    const end = text.indexOf('\n', at)
    const stop = end < 0 ? text.length : end
    yield text.slice(at, text[stop - 1] === '\r' ? stop - 1 : stop)
    at = stop + 1
  }
}

function plain(markdown: string): string {
  const words = markdown
    .replace(/!\[[^\]]*\](?:\([^)]*\)|\[[^\]]*\])/g, '')
    .replace(/\[([^\]]*)\](?:\([^)]*\)|\[[^\]]*\])/g, '$1')
    .replace(/<[^>]*>/g, '')
    .replace(/\*\*|__|`/g, '')
    .replace(/\s+/g, ' ')
    .trim()
  return words.length > longest ? `${words.slice(0, longest - 1).toWellFormed()}…` : words
}
