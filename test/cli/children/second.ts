import { z } from 'zod'
import { defineEntity } from '../../../index'

const books = defineEntity('books', z.object({ title: z.string(), pages: z.int(), isbn: z.string() }), {
  indexes: [['pages']],
})

export default { books }
