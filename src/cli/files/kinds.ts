const contentTypes: Readonly<Record<string, string>> = {
  md: 'text/markdown',
  markdown: 'text/markdown',
  mdx: 'text/markdown',
  txt: 'text/plain',
  text: 'text/plain',
  rst: 'text/x-rst',
}

/** The extensions that are ingested, with their dots. */
export const textExtensions: readonly string[] = Object.keys(contentTypes).map((extension) => `.${extension}`)

/** What comes after the last dot, in lower case; empty when there is none. */
export function extensionOf(name: string): string {
  return /\.([^./\\]+)$/.exec(name)?.[1]?.toLowerCase() ?? ''
}

/** True for the extensions that are ingested. */
export function isText(name: string): boolean {
  return Object.hasOwn(contentTypes, extensionOf(name))
}

export function contentTypeOf(name: string): string {
  return contentTypes[extensionOf(name)] ?? 'text/plain'
}
