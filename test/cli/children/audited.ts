import { z } from 'zod'
import { defineEntity } from '../../../index'

const books = defineEntity('books', z.object({ title: z.string(), pages: z.int() }), { audit: true })

export const entities = { books }
