import { execFileSync } from 'node:child_process'
import { appendFile, chmod, mkdir, mkdtemp, realpath, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { fileDocuments, findFiles } from '../../src/cli/files/documents'
import { readFrontMatter } from '../../src/cli/files/front-matter'
import { readTextFile } from '../../src/cli/files/read-text'
import { titleOf } from '../../src/cli/files/title'
import { type FoundFile, type SkippedFile, walkFolder } from '../../src/cli/files/walk'
import type { JsonObject } from '../../src/core/json'

let folder: string
beforeEach(async () => {
  folder = await realpath(await mkdtemp(path.join(tmpdir(), 'hw-files-')))
  await chmod(folder, 0o755)
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const at = (...parts: string[]) => path.join(folder, ...parts)
async function put(name: string, content: string | Buffer = `text of ${name}`): Promise<string> {
  await mkdir(path.dirname(at(name)), { recursive: true })
  await writeFile(at(name), content)
  return at(name)
}
async function walk(root = folder, exclude?: string[]) {
  const skipped: SkippedFile[] = []
  const ids: string[] = []
  const options = { exclude: new Set(exclude), onSkip: (file: SkippedFile) => skipped.push(file) }
  for await (const { id } of walkFolder(root, options)) ids.push(id)
  return { ids, skipped: skipped.map(({ path: place, reason }) => [path.relative(folder, place), reason]) }
}

/** Runs as a user whom permissions bind, also where the tests run as root. */
async function unprivileged<T>(work: () => Promise<T>): Promise<T> {
  if (process.getuid?.() !== 0) return work()
  process.seteuid!(65_534)
  try {
    return await work()
  } finally {
    process.seteuid!(0)
  }
}

describe('walking a folder', () => {
  it('gives text files by extension, in order, with forward slashes, and passes over the rest', async () => {
    for (const name of ['b.md', 'a/z.TXT', 'a/y.rst', 'a/b/c.mdx', 'a.b/d.markdown', 'e.js', 'f', 'g.png', 'h.text'])
      await put(name)
    await put('.git/x.md')
    const { ids, skipped } = await walk(folder, ['.git'])
    expect(ids).toEqual(['a/b/c.mdx', 'a/y.rst', 'a/z.TXT', 'a.b/d.markdown', 'b.md', 'h.text'])
    expect(skipped).toEqual([])
    expect((await walk(at('b.md'))).ids).toEqual(['b.md'])
  })

  it('follows links within the folder alone, ends in loops, takes each file once, and says what leads out', async () => {
    await put('in/a/one.md')
    await put('in/READ')
    await put('in/.git/config')
    await put('outside/far/two.md')
    await put('outside/secret')
    await symlink(at('in'), at('in/a/up'))
    await symlink(at('in/a'), at('in/a/self'))
    await symlink(at('in/a/one.md'), at('in/again.md'))
    await symlink('READ', at('in/readme.md'))
    await symlink('.git/config', at('in/settings.md'))
    await symlink(at('outside'), at('in/folder'))
    await symlink('../outside/secret', at('in/secret.md'))
    await symlink(at('outside/secret'), at('in/no-text'))
    await symlink('/dev/zero', at('in/zero.md'))
    await symlink(at('nowhere'), at('in/dead.md'))
    await symlink(at('in/loop.md'), at('in/loop.md'))
    await symlink(at('nowhere'), at('in/dead-without-extension'))
    const all = await walk(at('in'), ['.git'])
    expect(all.ids).toEqual(['a/one.md', 'readme.md'])
    expect(all.skipped).toEqual([
      ['in/dead.md', 'vanished, or a link to nowhere'],
      ['in/folder', 'a link out of the folder'],
      ['in/loop.md', 'a link to itself'],
      ['in/secret.md', 'a link out of the folder'],
      ['in/zero.md', 'a link out of the folder'],
    ])
    // The folder that is named may itself be a link: it was asked for.
    await symlink(at('in'), at('named'))
    expect((await walk(at('named'), ['.git'])).ids).toEqual(['a/one.md', 'readme.md'])
  })

  it('passes over pipes and devices, and says so', async () => {
    await put('a.md')
    execFileSync('mkfifo', [at('pipe.md')])
    const { ids, skipped } = await walk()
    expect(ids).toEqual(['a.md'])
    expect(skipped).toEqual([['pipe.md', 'not a regular file']])
    expect(await readTextFile(at('pipe.md'), { maxBytes: 10 })).toEqual({ skipped: 'not a regular file' })
  })

  it('reports a folder that may not be listed, and takes the rest', async () => {
    await put('open/a.md')
    await put('shut/b.md')
    await chmod(at('shut'), 0o000)
    const { ids, skipped } = await unprivileged(() => walk())
    expect(ids).toEqual(['open/a.md'])
    expect(skipped).toEqual([['shut', 'no permission']])
    expect((await walk(at('missing'))).skipped).toEqual([['missing', 'vanished, or a link to nowhere']])
  })

  it('reports an id that an earlier folder has', async () => {
    await put('one/a.md')
    await put('two/a.md')
    await put('two/b.md')
    const skipped: SkippedFile[] = []
    const ids: string[] = []
    const source = { folders: [at('one'), at('two'), at('one')] }
    for await (const { id } of findFiles(source, { onSkip: (file) => skipped.push(file) })) ids.push(id)
    expect(ids).toEqual(['a.md', 'b.md'])
    expect(skipped).toEqual([{ path: at('two/a.md'), reason: expect.stringContaining(at('one/a.md')) }])
  })

  it('stops at once when it is aborted', async () => {
    await put('a.md')
    const files = walkFolder(folder, { signal: AbortSignal.abort() })
    await expect(files.next()).rejects.toMatchObject({ code: 'HW_ABORTED' })
  })
})

describe('reading a file', () => {
  const options = { maxBytes: 1_000 }

  it('gives text without its byte order mark', async () => {
    const file = await put('a.md', '\uFEFFGrüße 😀\r\n')
    expect(await readTextFile(file, options)).toEqual({ text: 'Grüße 😀\r\n', bytes: 17 })
  })

  it('says why there is no text', async () => {
    const cases: [string, string | Buffer, RegExp][] = [
      ['binary.md', Buffer.from([0x50, 0x4b, 3, 4, 0, 0]), /^binary$/],
      ['latin.md', Buffer.from('Grüße', 'latin1'), /^not UTF-8$/],
      ['utf16.txt', Buffer.from('\uFEFFhello', 'utf16le'), /^UTF-16/],
      ['huge.md', 'x'.repeat(1_001), /^too large: 1001 bytes, at most 1000$/],
      ['empty.md', '', /^empty$/],
      ['blank.md', ' \n\t', /^empty$/],
    ]
    for (const [name, content, reason] of cases) {
      expect(await readTextFile(await put(name, content), options), name).toEqual({
        skipped: expect.stringMatching(reason),
      })
    }
    await mkdir(at('folder.md'))
    expect(await readTextFile(at('folder.md'), options)).toEqual({ skipped: 'not a regular file' })
    expect(await readTextFile(at('gone.md'), options)).toEqual({ skipped: expect.stringContaining('vanished') })
    await chmod(await put('shut.md'), 0o000)
    expect(await unprivileged(() => readTextFile(at('shut.md'), options))).toEqual({ skipped: 'no permission' })
  })

  it('reads a file that changed once more, and gives up on one that goes on changing', async () => {
    const file = await put('log.txt', 'one')
    let changes = 0
    const once = await readTextFile(file, {
      ...options,
      beforeCheck: async () => {
        if (changes++ === 0) await appendFile(file, ' two')
      },
    })
    expect(once).toEqual({ text: 'one two', bytes: 7 })
    const always = await readTextFile(file, { ...options, beforeCheck: () => appendFile(file, ' more') })
    expect(always).toEqual({ skipped: 'it changed while it was read' })
  })
})

describe('what took the place of a file between the walk and its reading', () => {
  it('is not followed where it is a link, at the end of the path or on the way', async () => {
    await put('secret/key.md', 'the secret of somebody else')
    for (const name of ['in/a.md', 'in/b/key.md', 'in/c.md', 'in/d.md', 'in/target']) await put(name)
    await symlink(at('in/target'), at('in/link.md'))
    const found: FoundFile[] = []
    for await (const file of walkFolder(at('in'))) found.push(file)
    expect(found.map(({ id }) => id)).toEqual(['a.md', 'b/key.md', 'c.md', 'd.md', 'link.md'])

    const exchange = async (name: string, target: string): Promise<void> => {
      await rm(at(name), { recursive: true })
      await symlink(at(target), at(name))
    }
    await exchange('in/a.md', 'secret/key.md')
    await exchange('in/b', 'secret')
    await exchange('in/target', 'secret/key.md')
    execFileSync('mkfifo', [at('in/pipe')])
    await rename(at('in/pipe'), at('in/c.md'))
    // Saved again by an editor, which puts a new file there.
    await rename(await put('in/new', 'new words'), at('in/d.md'))

    const skipped: SkippedFile[] = []
    const texts: string[] = []
    const each = (async function* () {
      yield* found
    })()
    for await (const { text } of fileDocuments(each, { maxBytes: 1_000, onSkip: (file) => skipped.push(file) })) {
      texts.push(text)
    }
    expect(texts).toEqual(['new words'])
    expect(skipped.map(({ path: place, reason }) => [path.relative(at('in'), place), reason])).toEqual([
      ['a.md', 'a link took its place'],
      ['b/key.md', 'a link took its place'],
      ['c.md', 'not a regular file'],
      ['link.md', 'a link took its place'],
    ])
  })
})

describe('a document of a file', () => {
  it('has the heading, the path, the content type and what to filter by', async () => {
    await put('guides/start/intro.md', '# Getting *started*\n\ntext')
    await put('notes.txt', '# not a heading')
    await put('bad.md', Buffer.from([0]))
    const skipped: SkippedFile[] = []
    const options = { maxBytes: 1_000, onSkip: (file: SkippedFile) => skipped.push(file) }
    const documents = []
    for await (const document of fileDocuments(findFiles({ folders: [folder] }), options)) documents.push(document)
    expect(documents).toEqual([
      {
        id: 'guides/start/intro.md',
        title: 'Getting *started*',
        text: '# Getting *started*\n\ntext',
        source: at('guides/start/intro.md'),
        contentType: 'text/markdown',
        metadata: { extension: 'md', folders: ['guides', 'start'], bytes: 25 },
      },
      {
        id: 'notes.txt',
        title: 'notes.txt',
        text: '# not a heading',
        source: at('notes.txt'),
        contentType: 'text/plain',
        metadata: { extension: 'txt', folders: [], bytes: 15 },
      },
    ])
    expect(skipped).toEqual([{ path: at('bad.md'), reason: 'binary' }])
  })
})

describe('front matter', () => {
  const read = async (text: string) => {
    await put('a.md', text)
    for await (const document of fileDocuments(findFiles({ folders: [folder] }), { maxBytes: 1e6, onSkip: () => {} })) {
      const { extension: _extension, folders: _folders, bytes: _bytes, ...fields } = document.metadata as JsonObject
      return { title: document.title, text: document.text, fields }
    }
  }

  it('becomes metadata and the title, and leaves the text', async () => {
    const yaml = `---
title: "Getting: started" # the title
sidebar_position: 3
draft: false
date: 2024-05-01
version: '1.10'
tags: [a, "b, c", 7]
authors:
  - Ann
  - Bob # and others
- not part of anything
summary: >-
  Two lines
  of text.
note: goes on
  below
seo:
  description: deeper than flat
items:
  - name: deeper
empty:
nothing: null
9-lives: true
a.b: dots are for paths
$id: reserved
extension: exe
odd: &anchor x
# comment: no
---

# Installation guide
`
    expect(await read(yaml)).toEqual({
      title: 'Getting: started',
      text: '\n# Installation guide\n',
      fields: {
        sidebar_position: 3,
        draft: false,
        date: '2024-05-01',
        version: '1.10',
        tags: ['a', 'b, c', 7],
        authors: ['Ann', 'Bob', 'not part of anything'],
        summary: 'Two lines of text.',
        note: 'goes on below',
        '9-lives': true,
      },
    })
    const toml = `+++
title = "Left-pad Pro" # fast
weight = 10
date = 2024-05-01T07:32:00Z
draft = true
tags = [
  "a",
  "b",
]
inline = { a = 1 }
[params]
deeper = 1
+++
Body.`
    expect(await read(toml)).toEqual({
      title: 'Left-pad Pro',
      text: 'Body.',
      fields: { weight: 10, date: '2024-05-01T07:32:00Z', draft: true, tags: ['a', 'b'] },
    })
  })

  it('is none where there is a rule, no end or nothing else', async () => {
    for (const text of [
      '---\nA paragraph.\n---\nMore.',
      '---\ntitle: x\n',
      '---\ntitle: x\n---\n',
      'x\n---\na: b\n---\ny',
    ]) {
      expect(await read(text), text).toMatchObject({ title: 'a.md', text, fields: {} })
    }
    expect(await read('---\r\ntitle: Windows\r\n---\r\nBody')).toEqual({ title: 'Windows', text: 'Body', fields: {} })
    expect(await read('---\n__proto__: x\n---\nBody')).toMatchObject({ fields: JSON.parse('{"__proto__":"x"}') })
  })
})

describe('the title of a text', () => {
  it.each([
    ['# One\n# Two', 'One'],
    ['text\r\n\r\n## Two ##\r\n# One #\r\n', 'One'],
    ['## Only a second level', undefined],
    ['```sh\n# a comment\n```\n\n# After the code', 'After the code'],
    ['~~~~\n~~~\n# code\n~~~~\n# After', 'After'],
    ['<!--\n# internal note\n-->\n\n# Visible title', 'Visible title'],
    ['<!-- # note --> \n# Visible', 'Visible'],
    ['Underlined\n==========\n', 'Underlined'],
    ['Second\n------\n\nFirst\n=====', 'First'],
    ['[![badge](a.svg)](b) \n\n# [zod](https://zod.dev) `v4` ![logo](x.png)', 'zod v4'],
    ['# [Headwater](https://x.org/Water_(head)) of <b>rivers</b>', 'Headwater of rivers'],
    ['# ![only a badge](x.svg)\n\n# Name', 'Name'],
    ['<h1 align="center">Left-pad Pro</h1>\n\n## Install', 'Left-pad Pro'],
    ['#hashtag', undefined],
    ['', undefined],
  ])('%j is %j', (text, title) => {
    expect(titleOf(text, 'text/markdown')).toBe(title)
  })

  it.each([
    ['.. _label:\n\nInstalling ``it``\n=================\n\nText\n----', 'Installing it'],
    ['=======\n Title\n=======\n\nSub\n===', 'Title'],
    ['Text of two lines\nand no title.', undefined],
    ['# no heading\n', undefined],
  ])('of reStructuredText %j is %j', (text, title) => {
    expect(titleOf(text, 'text/x-rst')).toBe(title)
  })

  it('is cut where it is long, not within a character', () => {
    const title = titleOf(`# ${'😀'.repeat(300)}`, 'text/markdown')!
    expect(title.length).toBeLessThanOrEqual(200)
    expect(title.isWellFormed()).toBe(true)
  })

  it.each(['[', '![', '<', '[](', 'a ', ' ', '#', '=', '`', '<!--', '<h1 ', '- '])(
    'takes no longer for a line of 2,000,000 %j',
    (part) => {
      const line = part.repeat(2_000_000 / part.length)
      const startedAt = performance.now()
      for (const text of [`# ${line}b`, `${line}\n===`, `---\n${line}\n---\nx`, `---\na: ${line}\n---\nx`]) {
        titleOf(text, 'text/markdown')
        titleOf(text, 'text/x-rst')
        readFrontMatter(text)
      }
      expect(performance.now() - startedAt).toBeLessThan(1_000)
    },
  )
})
