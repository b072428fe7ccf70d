import { expect, it } from 'vitest'
import { z } from 'zod'
import { defineEntity } from '../../../index'
import { agents } from '../../../src/entities/included'
import { createTestStore } from '../../../src/testing/test-store'

const schema = z.object({ about: z.string(), count: z.int() })
const invalid = (path: string) => expect.objectContaining({ code: 'HW_INVALID_OPTIONS', path })

it('refuses columns that hold no documents, and what does not go with them', () => {
  for (const [options, path] of [
    [{ documents: ['none'] }, 'entities.x.documents[0]'],
    [{ documents: ['count'] }, 'entities.x.documents[0]'],
    [{ documents: 'about' }, 'entities.x.documents'],
    [{ documents: ['about'], softDelete: true }, 'entities.x.documents'],
    [{ documents: ['about'], tenant: false }, 'entities.x.documents'],
    [{ documents: ['about'], search: { text: () => 'x' } }, 'entities.x.documents'],
  ] as const) {
    expect(() => defineEntity('x', schema, options as never)).toThrow(invalid(path))
  }
})

it('refuses references to rows that go with documents, and an entity without the one it works on', async () => {
  const remarks = defineEntity('remarks', schema, { key: 'about', documents: ['about'] })
  const replies = defineEntity('replies', z.object({ to: z.string() }), { references: { to: remarks } })
  await expect(createTestStore({ entities: { remarks, replies } })).rejects.toEqual(
    invalid('entities.replies.references.to'),
  )
  await expect(createTestStore({ entities: { agents } })).rejects.toEqual(invalid('entities.agents'))
})
