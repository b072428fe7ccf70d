/** The lexemes of a tsvector's text form: `'brown':3 'dog':9,12 'o''clock':5`. */
export function lexemesOf(tsvector: string): string[] {
  const lexemes: string[] = []
  for (const match of tsvector.matchAll(quoted)) {
    lexemes.push(match[1]!.replaceAll("''", "'").replaceAll('\\\\', '\\'))
  }
  return lexemes
}

const quoted = /'((?:[^']|'')*)'/g
