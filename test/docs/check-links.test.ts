import { spawnSync } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it, onTestFinished } from 'vitest'

const script = fileURLToPath(new URL('../../scripts/check-links.mjs', import.meta.url))

/** What the check says of a project of these files. */
async function check(files: Readonly<Record<string, string>>): Promise<{ code: number | null; faults: string[] }> {
  const folder = await mkdtemp(path.join(tmpdir(), 'hw-links-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  for (const [name, text] of Object.entries(files)) {
    await mkdir(path.dirname(path.join(folder, name)), { recursive: true })
    await writeFile(path.join(folder, name), text)
  }
  const { status, stderr } = spawnSync(process.execPath, [script, folder], { encoding: 'utf8' })
  return { code: status, faults: stderr.split('\n').filter((line) => line !== '') }
}

it('passes links that lead somewhere', async () => {
  const guide = [
    '# `put()` & _patch_: the [first](b.md) steps',
    '## Twice',
    '## Twice',
    '<a id="own"></a>',
    '[up](../README.md#start) and [down](adr/) and [here](#twice-1) and [code](../src/a.ts)',
    'See `[not](a-link.md)`, [a page](https://example.com/x.md#y) and [a letter](mailto:a@example.com).',
    '```md',
    '[nothing](nowhere.md)',
    '# No heading',
    '```',
  ]
  const checked = await check({
    'README.md':
      '# Start\n\n[guide](docs/guide.md#put--patch-the-first-steps), [own](docs/guide.md#own "title"), [it][it]\n\n[it]: docs/guide.md#twice\n',
    'docs/guide.md': guide.join('\n'),
    'docs/b.md': '# Über *uns*\n[self](#über-uns)',
    'docs/adr/0001-x.md': '[back](../b.md#%C3%BCber-uns)',
    'src/a.ts': '',
  })
  expect(checked).toEqual({ code: 0, faults: [] })
})

it('names file, line, link and fault of each that does not', async () => {
  const { code, faults } = await check({
    'README.md': '# Start\n[a](docs/gone.md) and [b](docs/guide.md#nowhere)\n\n[c]: gone.md\n',
    'docs/guide.md': '```\n# Nowhere\n```\n[d](#start)\n[e](../../elsewhere.md)\n[f](../a.ts#l3)',
    'a.ts': '',
  })
  expect(code).toBe(1)
  expect(faults).toEqual([
    'README.md:2: docs/gone.md: no such file',
    'README.md:2: docs/guide.md#nowhere: no heading for #nowhere',
    'README.md:4: gone.md: no such file',
    'docs/guide.md:4: #start: no heading for #start',
    'docs/guide.md:5: ../../elsewhere.md: leads out of the project',
    'docs/guide.md:6: ../a.ts#l3: an anchor of what is no Markdown',
  ])
})
