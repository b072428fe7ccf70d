import { PostgresConnection } from '../../connections/postgres/connection'
import { quoteName } from '../../connections/postgres/row-security'
import { HeadwaterError } from '../../core/errors'

const schema = 'headwater'

/**
 * Deletes the vectors of these chunks, and a tenth of all others, with plain SQL through the raw client: no repository,
 * no job, no trace. Returns the ids that are gone.
 */
export async function deleteVectors(database: { path: string }, chunks: readonly string[]): Promise<string[]> {
  const connection = new PostgresConnection({ embedded: database })
  try {
    const client = await (await connection.pool()).connect()
    try {
      const { rows } = await client.query({
        text: `SELECT name FROM ${schema}.generations
          WHERE target = 'vector' AND collection = 'documents' AND state = 'live'`,
      })
      const name: unknown = rows[0]?.['name']
      if (typeof name !== 'string') throw new HeadwaterError('HW_GENERATION_MISSING', 'There is no live vector index')
      const deleted = await client.query({
        text: `DELETE FROM ${schema}.${quoteName(name)}
          WHERE id::text = ANY($1::text[]) OR hashtext(id::text) % 10 = 0 RETURNING id::text AS id`,
        values: [[...chunks]],
      })
      return deleted.rows.map(({ id }) => String(id))
    } finally {
      client.release()
    }
  } finally {
    await connection.close()
  }
}
