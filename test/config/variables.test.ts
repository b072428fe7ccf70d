import { readFile } from 'node:fs/promises'
import { parseEnv } from 'node:util'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { settingsFromEnv } from '../../src/config/from-env'
import { environmentSchema } from '../../src/config/schema'
import { renderEnvironment, type VariableName, variables } from '../../src/config/variables'

const file = (name: string) => new URL(`../../${name}`, import.meta.url)
const names = Object.keys(variables).sort()

describe('the variables', () => {
  it('are the same in the schema, in .env.example and in docs/settings.md', async () => {
    expect(Object.keys(environmentSchema(z).shape).sort()).toEqual(names)
    const example = await readFile(file('.env.example'), 'utf8')
    const listed = [...example.matchAll(/^(?:# )?([A-Z0-9_]+)=/gm)].map(([, name]) => name)
    expect(listed.sort()).toEqual(names)
    const page = await readFile(file('docs/settings.md'), 'utf8')
    const rows = [...page.matchAll(/^\| `([A-Z0-9_]+)` \| (?:`([^`]*)`)? ?\|/gm)]
    expect(rows.map(([, name]) => name).sort()).toEqual(names)
    for (const [, name, fallback = ''] of rows) {
      expect([name, fallback]).toEqual([name, variables[name as VariableName].fallback])
    }
  })

  it('are written as .env.example has them (vitest -u writes it anew)', async () => {
    await expect(renderEnvironment({ HEADWATER_PROFILE: 'embedded' })).toMatchFileSnapshot('../../.env.example')
  })

  it('mean nothing else when the defaults are set than when nothing is', async () => {
    const needed = { DATABASE_URL: 'postgres://db/app' }
    const defaults = Object.fromEntries(Object.entries(variables).map(([name, { fallback }]) => [name, fallback]))
    const settings = await settingsFromEnv({ ...defaults, ...needed, QDRANT_HOST: '' })
    const bare = await settingsFromEnv(needed)
    expect(settings).toEqual({ ...bare, embeddings: { ...bare.embeddings, model: 'all-MiniLM-L6-v2' } })
  })

  it('survive being written and read, whatever is in them', () => {
    const given = { DATABASE_URL: `postgres://me:a b#c"d$@h/x`, HEADWATER_PATH: "it's here" }
    expect(parseEnv(renderEnvironment(given))).toEqual(given)
  })
})
