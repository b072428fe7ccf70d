import { byKey, now, statements } from './statements'

const fields = 'e.id, e.tenant, e.name, e.payload, e.attempts, e.reason'
const createdMs = '(extract(epoch FROM e.created_at) * 1000)::bigint AS created_at'
const free = `(e.lease_until IS NULL OR e.lease_until <= ${now})`

export const errandStatements = statements(({ table, guard }) => {
  const errands = table('errands')
  const epoch = `(SELECT (value #>> '{}')::bigint FROM ${table('registry')} WHERE name = 'epoch')`
  const sameEpoch = guard('completion-epoch', `AND e.epoch = ${epoch}`)
  const held = `e.id = $1 ${guard('claim-token', 'AND e.token = $2', 'AND $2::text IS NOT NULL')} ${sameEpoch}`
  const chosen = '($1::text IS NULL OR e.tenant = $1) AND ($2::text IS NULL OR e.name = $2)'
  return {
    add: byKey(
      `INSERT INTO ${errands} (id, tenant, name, payload, created_at, due_at)
       VALUES ($1::uuid, $2, $3, $4::jsonb, clock_timestamp(), clock_timestamp())`,
    ),
    /**
     * A range of the index for each name, from a floor of its own on. Those that are held stay in it, so that a claim and
     * its end are no business of the index: each claim passes over as many as are being worked on. The limit is text,
     * because a plan for an unknown one sorts all that waits.
     */
    claim: (limit: number) =>
      byKey(
        `WITH due AS MATERIALIZED (
           SELECT d.id FROM unnest($1::text[], $2::timestamptz[]) AS w (name, since) CROSS JOIN LATERAL (
             SELECT e.id FROM ${errands} e
             WHERE e.name = w.name AND e.parked_at IS NULL AND e.due_at >= w.since AND e.due_at <= ${now}
               ${guard('lease', `AND ${free}`)}
             ORDER BY e.due_at, e.id LIMIT ${limit} FOR UPDATE ${guard('skip-locked', 'SKIP LOCKED')}) d)
         UPDATE ${errands} e SET token = $3, lease_until = ${now} + $4::bigint * interval '1 ms', epoch = ${epoch},
           attempts = e.attempts + 1
         WHERE e.id = ANY (ARRAY(SELECT id FROM due))
         RETURNING ${fields}, ${createdMs}, to_char(e.due_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS was_due`,
      ),
    renew: byKey(
      `UPDATE ${errands} e SET lease_until = ${now} + $3::bigint * interval '1 ms'
       FROM unnest($1::uuid[], $2::text[]) AS c (id, token) WHERE e.id = c.id AND e.token = c.token ${sameEpoch}
       RETURNING e.id, e.token`,
    ),
    done: byKey(`DELETE FROM ${errands} e WHERE ${held}`),
    failed: byKey(
      `UPDATE ${errands} e SET token = NULL, lease_until = NULL, epoch = NULL, reason = $3,
         due_at = ${now} + $4::bigint * interval '1 ms', parked_at = CASE WHEN $5::boolean THEN ${now} END
       WHERE ${held}`,
    ),
    /** Due now, above the floor of whoever claims next. */
    released: byKey(
      `UPDATE ${errands} e SET token = NULL, lease_until = NULL, epoch = NULL, attempts = e.attempts - 1, due_at = ${now}
       WHERE ${held}`,
    ),
    backlog: {
      text: `SELECT e.name, count(*) FILTER (WHERE e.parked_at IS NULL AND ${free}) AS waiting,
          count(*) FILTER (WHERE e.parked_at IS NULL AND NOT ${free}) AS claimed,
          count(*) FILTER (WHERE e.parked_at IS NOT NULL) AS parked,
          CASE WHEN bool_or(e.parked_at IS NULL) THEN greatest(0, extract(epoch FROM
            ${now} - min(e.created_at) FILTER (WHERE e.parked_at IS NULL)) * 1000)::bigint END AS oldest
        FROM ${errands} e GROUP BY e.name ORDER BY e.name`,
    },
    parked: {
      text: `SELECT ${fields}, ${createdMs} FROM ${errands} e WHERE e.parked_at IS NOT NULL AND ${chosen}
        ORDER BY e.id LIMIT $3::bigint`,
    },
    redrive: {
      text: `UPDATE ${errands} e SET parked_at = NULL, attempts = 0, due_at = ${now}
        WHERE e.parked_at IS NOT NULL AND ${chosen}`,
    },
    freeClaims: {
      text: `UPDATE ${errands} e SET token = NULL, lease_until = NULL, epoch = NULL WHERE e.token IS NOT NULL`,
    },
  }
})
