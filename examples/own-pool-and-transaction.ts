/**
 * headwater inside a service that has a pool and tables of its own: a row of yours and a document are committed
 * together, or neither is. Set DATABASE_URL to run it on a server with pgvector; without, it runs on PGlite.
 */
import { openStore } from 'headwater'
import pg from 'pg'

const { pool, end } = await openPool()
await pool.query('CREATE TABLE IF NOT EXISTS hw_example_tickets (id text PRIMARY KEY, subject text NOT NULL)')

// The pool stays yours: closing the store leaves it open.
const store = await openStore({ postgres: { pool, schema: 'hw_example' }, embedder: { hashing: {} } })
try {
  const acme = store.forTenant('acme')

  async function openTicket(id: string, subject: string, body: string, fail = false) {
    // Splitting and embedding take time: do them before the transaction, not in it.
    const document = await acme.documents.prepare({ id, title: subject, text: body })
    const client = await pool.connect()
    try {
      await client.query('BEGIN')
      await client.query('INSERT INTO hw_example_tickets (id, subject) VALUES ($1, $2)', [id, subject])
      const receipt = await acme.using(client).documents.put(document)
      if (fail) throw new RangeError('the rest of the request failed')
      await client.query('COMMIT')
      return receipt
    } catch (error) {
      await client.query('ROLLBACK')
      throw error
    } finally {
      client.release()
    }
  }

  const receipt = await openTicket('t1', 'Radiator', 'The radiator in room 12 is cold since Monday.')
  await acme.waitFor(receipt)
  const { hits } = await acme.search({ query: 'cold radiator' })
  console.log('found', hits[0]?.documentId, 'at version', hits[0]?.version)

  await openTicket('t2', 'Lamp', 'The lamp in room 3 flickers.', true).catch((error: unknown) => {
    if (!(error instanceof RangeError)) throw error
  })
  const { rows } = await pool.query('SELECT id FROM hw_example_tickets')
  console.log(rows.length, 'ticket; the second left', await acme.documents.get('t2'))
} finally {
  await store.close()
  await pool.query('DROP TABLE hw_example_tickets')
  await pool.query('DROP SCHEMA IF EXISTS hw_example CASCADE')
  await end()
}

async function openPool(): Promise<{ pool: pg.Pool; end: () => Promise<void> }> {
  const connectionString = process.env['DATABASE_URL']
  if (connectionString) {
    const pool = new pg.Pool({ connectionString, max: 5 })
    return { pool, end: () => pool.end() }
  }
  const [{ PGlite }, { createPgConfig }, { vector }] = await Promise.all([
    import('@electric-sql/pglite'),
    import('@electric-sql/pglite/node-postgres'),
    import('@electric-sql/pglite-pgvector'),
  ])
  const database = await PGlite.create({ extensions: { vector } })
  const pool = new pg.Pool({ ...createPgConfig(database), max: 1 })
  return {
    pool,
    async end() {
      await pool.end()
      await database.close()
    },
  }
}
