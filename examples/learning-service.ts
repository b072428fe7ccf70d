/**
 * A learning service: questions for a job description by role, difficulty and count, recommended by what a user does not
 * know well, and how well he knows what.
 */
import { defineMetadata, openStore } from 'headwater'
import { mastery, mastery_reviews, rate_limits, users } from 'headwater/entities'

const store = await openStore({
  embedded: { path: ':memory:' },
  embedder: { hashing: { dimensions: 128 } },
  collections: {
    documents: {},
    job_descriptions: { metadata: defineMetadata({ role: 'keyword' }) },
    questions: {
      embedder: { hashing: { dimensions: 256 } },
      metadata: defineMetadata({ role: 'keyword', difficulty: 'integer', topic: 'keyword' }),
    },
    answers: { metadata: defineMetadata({ question: 'keyword' }) },
  },
  entities: { users, mastery: mastery(), mastery_reviews, rate_limits },
})

try {
  const school = store.forTenant('school')
  const { entities } = school
  const jobs = school.collection('job_descriptions')
  const questions = school.collection('questions')
  await jobs.documents.put({
    id: 'backend',
    title: 'Backend engineer',
    text: 'Designs tables and indexes in Postgres, and writes queries with joins.',
    metadata: { role: 'backend' },
  })
  const { receipt } = await questions.documents.putMany([
    { id: 'joins', text: 'What do joins of tables cost?', metadata: { role: 'backend', difficulty: 1, topic: 'sql' } },
    { id: 'indexes', text: 'Which indexes serve queries?', metadata: { role: 'backend', difficulty: 2, topic: 'sql' } },
    {
      id: 'vacuum',
      text: 'Why does Postgres vacuum tables?',
      metadata: { role: 'backend', difficulty: 5, topic: 'storage' },
    },
    { id: 'flex', text: 'How do flexible boxes wrap?', metadata: { role: 'frontend', difficulty: 1, topic: 'css' } },
  ])
  await school.waitFor(receipt)

  /** Questions for a job description, of a role and up to a difficulty, the nearest first. */
  async function suggest(job: string, difficulty: number, count: number): Promise<string[]> {
    const description = await jobs.documents.get(job)
    if (!description) return []
    const { hits } = await questions.search({
      query: description.text,
      filter: { role: description.metadata.role, difficulty: { lte: difficulty } },
      groupBy: 'document',
      limit: count,
    })
    return hits.map(({ documentId }) => documentId)
  }

  const ada = await entities.users.insert({ email: 'ada@example.org', profile: { role: 'backend' } })
  const suggested = await suggest('backend', 3, 5)
  console.log('suggested:', suggested)
  if (suggested.length !== 2 || suggested.includes('vacuum')) throw new Error('expected the two easy questions')

  /** What she answers is stored, and how well, in one transaction. */
  async function answer(question: string, text: string, rating: 'again' | 'good' | 'easy'): Promise<void> {
    const { allowed, retryAfter } = await school.limits.take(`answers/${ada.id}`, { requests: 100, windowMs: 60_000 })
    if (!allowed) throw new Error(`too many answers, again in ${retryAfter} s`)
    await school.transaction(async (tx) => {
      const id = `${ada.id}/${question}`
      await tx.collection('answers').documents.put({ id, text, metadata: { question } })
      await tx.entities.mastery.review(ada.id, question, rating)
    })
  }
  await answer('joins', 'They cost what is read.', 'easy')
  await answer('indexes', 'I do not know.', 'again')

  /** What she has not seen, or knows least: those of her role. */
  const profile = await entities.users.get(ada.id)
  const found = await questions.documents.list({ filter: { role: String(profile?.profile['role']) } })
  const levels = await Promise.all(
    found.items.map(async ({ id }) => ({
      id,
      stability: (await entities.mastery.levelOf(ada.id, id))?.stability ?? 0,
    })),
  )
  const recommended = levels.sort((a, b) => a.stability - b.stability).map(({ id }) => id)
  console.log('recommended:', recommended)
  if (recommended.join() !== 'vacuum,indexes,joins') throw new Error('expected what she knows least first')

  const due = await entities.mastery.due(ada.id, { at: new Date(Date.now() + 3_600_000).toISOString() })
  console.log(
    'due within an hour:',
    due.items.map(({ item }) => item),
  )
  if (due.items[0]?.item !== 'indexes') throw new Error('expected the forgotten one to be due first')
} finally {
  await store.close()
}
