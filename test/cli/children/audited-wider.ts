import { z } from 'zod'
import { defineEntity } from '../../../index'

const books = defineEntity('books', z.object({ title: z.string(), pages: z.int(), price: z.number().optional() }), {
  audit: true,
})

export const entities = { books }
