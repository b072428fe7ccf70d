import { type Dialect, now, prepared, statements } from './statements'

const key = 'target, tenant, collection, document'
/** Joins jobs with a list of keys of which each may be there once. */
const sameKey = (a: string, b: string): string =>
  `${a}.target = ${b}.target AND ${a}.tenant = ${b}.tenant AND ${a}.collection = ${b}.collection
    AND ${a}.document = ${b}.document`
/** The columns themselves, which compare by bytes; the values that are bound do not. */
const inOrder = (row: string): string => `${row}.target, ${row}.tenant, ${row}.collection, ${row}.document`
/**
 * The row carries the token `$1`. So written that the index on tokens is not used where keys are given: statistics say
 * that hardly any row has a token, and the plan for one row is taken for hundreds.
 */
const carries = 'j.claim_token IS NOT DISTINCT FROM $1'
const keyArrays = 'unnest($2::text[], $3::text[], $4::text[], $5::text[]'

/**
 * Locks the jobs of these keys that carry the token, in the order of their keys, each found by its key: what is there
 * beside them is not read, whatever the planner guesses. `i` are the columns of the items, `jobs` is the quoted table.
 */
const heldRows = (jobs: string, items: string, what: string, condition = `AND ${carries}`): string =>
  `SELECT ${what} FROM (
      SELECT * FROM ${items} ORDER BY ${key.replaceAll(',', ' COLLATE "C",')} COLLATE "C" OFFSET 0) i
    CROSS JOIN LATERAL (
      SELECT * FROM ${jobs} j WHERE ${sameKey('j', 'i')} ${condition} FOR UPDATE) j`

/** A length of time that is bound in ms. */
const ms = (parameter: string): string => `${parameter} * interval '1 ms'`

export const jobStatements = statements((dialect) => {
  const jobs = dialect.table('jobs')
  const row = `${key}, since, fence, first, attempts, parked_at IS NOT NULL AS parked, reason,
    (extract(epoch FROM created_at) * 1000)::bigint AS created_at`
  return {
    enqueue: enqueueSql(dialect),
    claim: claimSql(dialect),
    renew: prepared(
      `UPDATE ${jobs} SET lease_until = ${now} + ${ms('$2::bigint')}, due_at = ${now} + ${ms('$2::bigint')}
       WHERE claim_token = $1`,
    ),
    ...completeSql(dialect),
    release: {
      text: `WITH held AS MATERIALIZED (${heldRows(jobs, `${keyArrays}) AS u (${key})`, inOrder('j'))})
        UPDATE ${jobs} j SET claim_token = NULL, lease_until = NULL, due_at = ${now} + ${ms('$6::bigint')}
        FROM held WHERE ${sameKey('j', 'held')}`,
    },
    releaseAll: {
      text: `WITH held AS MATERIALIZED (
          SELECT ${key} FROM ${jobs} WHERE claim_token = $1 ORDER BY ${key} FOR UPDATE)
        UPDATE ${jobs} j SET claim_token = NULL, lease_until = NULL, due_at = ${now} + ${ms('$2::bigint')}
        FROM held WHERE ${sameKey('j', 'held')}`,
    },
    fail: {
      text: `WITH held AS MATERIALIZED (
          ${heldRows(jobs, `${keyArrays}, $6::text[], $7::bigint[]) AS u (${key}, reason, delay)`, `${inOrder('j')}, i.reason, i.delay`)})
        UPDATE ${jobs} j SET claim_token = NULL, lease_until = NULL, attempts = j.attempts + 1, reason = held.reason,
          due_at = ${now} + ${ms('held.delay')},
          parked_at = CASE WHEN j.attempts + 1 >= $8::int THEN ${now} END
        FROM held WHERE ${sameKey('j', 'held')}`,
    },
    /** `pending` and `parked` are given their conditions; rows in the order of their fences. */
    rows: `SELECT ${row} FROM ${jobs} WHERE`,
    covered: {
      text: `SELECT EXISTS (
          SELECT FROM ${jobs} j
          WHERE j.target = $1 AND j.collection = $2 AND j.tenant = i.tenant AND j.document = i.document) AS covered
        FROM unnest($3::text[], $4::text[]) WITH ORDINALITY AS i (tenant, document, at) ORDER BY i.at`,
    },
    backlog: {
      text: `SELECT
          count(*) FILTER (WHERE parked_at IS NULL AND (lease_until IS NULL OR lease_until <= ${now})) AS waiting,
          count(*) FILTER (WHERE parked_at IS NULL AND lease_until > ${now}) AS claimed,
          count(*) FILTER (WHERE parked_at IS NOT NULL) AS parked,
          greatest(0, extract(epoch FROM ${now} - min(created_at) FILTER (WHERE parked_at IS NULL)) * 1000)::bigint
            AS oldest,
          bool_or(parked_at IS NULL) AS any_open
        FROM ${jobs} WHERE $1::text IS NULL OR tenant = $1`,
    },
    freeClaims: {
      text: `UPDATE ${jobs} SET claim_token = NULL, lease_until = NULL, due_at = ${now} WHERE claim_token IS NOT NULL`,
    },
    redrive: {
      text: `WITH parked AS MATERIALIZED (
          SELECT ${key} FROM ${jobs}
          WHERE parked_at IS NOT NULL AND ($1::text IS NULL OR tenant = $1) AND ($2::text IS NULL OR target = $2)
          ORDER BY ${key} FOR UPDATE)
        UPDATE ${jobs} j SET parked_at = NULL, attempts = 0, due_at = ${now} FROM parked
        WHERE ${sameKey('j', 'parked')} AND j.parked_at IS NOT NULL`,
    },
  }
})

/**
 * Rows are written in the order of their keys, so that two writers of the same jobs never wait for each other. `$7` and
 * `$8` are the claim's token and lease, or NULL: a job that another holds keeps its holder. `$9` keeps the attempts.
 */
function enqueueSql({ table, guard }: Dialect) {
  const held = `(j.claim_token IS NOT NULL AND j.lease_until > ${now} AND j.claim_token IS DISTINCT FROM $7)`
  const unlessHeld = (column: string) => `${column} = CASE WHEN ${held} THEN j.${column} ELSE excluded.${column} END`
  const wanted = `SELECT i.target, i.tenant, i.collection, i.document, i.since, i.fence
    FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[])
      AS i (${key}, since, fence)`
  const grouped = `SELECT ${key}, min(since) AS since, max(fence) AS fence, min(fence) AS first
    FROM (${wanted}) w GROUP BY ${key} ORDER BY ${key.replaceAll(',', ' COLLATE "C",')} COLLATE "C"`
  const source = guard('key-order', grouped, wanted.replace('i.fence', 'i.fence, i.fence AS first'))
  return prepared(
    `WITH written AS (
       INSERT INTO ${table('jobs')} AS j (${key}, since, fence, first, created_at, due_at, claim_token, lease_until)
       SELECT w.*, clock_timestamp(), clock_timestamp() + ${ms('coalesce($8::bigint, 0)')}, $7::text,
         CASE WHEN $7::text IS NOT NULL THEN clock_timestamp() + ${ms('$8::bigint')} END
       FROM (${source}) w
       ON CONFLICT (${key}) DO UPDATE SET
         since = least(j.since, excluded.since), fence = greatest(j.fence, excluded.fence),
         first = least(j.first, excluded.first), parked_at = NULL,
         attempts = CASE WHEN $9::boolean THEN j.attempts ELSE 0 END, reason = CASE WHEN $9::boolean THEN j.reason END,
         ${unlessHeld('due_at')}, ${unlessHeld('claim_token')}, ${unlessHeld('lease_until')}
       RETURNING ${key}, since, fence, attempts, claim_token)
     SELECT ${key}, since, fence, attempts,
       (SELECT (value #>> '{}')::bigint FROM ${table('registry')} WHERE name = 'epoch') AS epoch
     FROM written WHERE claim_token = $7`,
  )
}

/**
 * Chooses and locks in a MATERIALIZED step, which alone keeps to the limit, by a range of one index a target. The limit
 * is text, because a plan for an unknown one reads the whole table. `$4` is a floor below which nothing is looked for;
 * it is compared as a row, for of two bounds of one column the planner guesses so few rows that it sorts them all.
 */
function claimSql({ table, guard }: Dialect): (limit: number, floored: boolean) => string {
  const jobs = table('jobs')
  const lock = guard('claim-lock', `FOR UPDATE ${guard('skip-locked', 'SKIP LOCKED')}`)
  const due = guard('lease', `AND j.due_at <= ${now}`)
  return (limit, floored) =>
    `WITH due AS MATERIALIZED (
       SELECT found.* FROM unnest($1::text[]) AS wanted (target) CROSS JOIN LATERAL (
         SELECT j.target, j.tenant, j.collection, j.document, j.due_at, j.first FROM ${jobs} j
         WHERE j.target = wanted.target AND j.parked_at IS NULL ${due}
           ${floored ? 'AND (j.due_at, j.first) >= ($4::timestamptz, 0)' : ''}
         ORDER BY j.due_at, j.first LIMIT ${limit} ${lock}) found
       ORDER BY found.due_at, found.first LIMIT ${limit}),
     claimed AS (
       UPDATE ${jobs} j SET claim_token = $2, lease_until = ${now} + ${ms('$3::bigint')},
         due_at = ${now} + ${ms('$3::bigint')}
       FROM due WHERE ${sameKey('j', 'due')}
       RETURNING j.target, j.tenant, j.collection, j.document, j.since, j.fence, j.attempts, due.due_at AS was_due,
         due.first)
     SELECT ${key}, since, fence, attempts, was_due::text,
       (SELECT (value #>> '{}')::bigint FROM ${table('registry')} WHERE name = 'epoch') AS epoch
     FROM claimed ORDER BY claimed.was_due, claimed.first`
}

/** Two statements: what is not deleted may have been written meanwhile, which only a new snapshot shows. */
function completeSql({ table, guard }: Dialect) {
  const jobs = table('jobs')
  const items = `${keyArrays}, $6::bigint[], $7::bigint[]) AS u (${key}, applied, epoch)`
  const token = guard('claim-token', `AND ${carries}`, 'AND $1::text IS NOT NULL')
  const epoch = guard(
    'completion-epoch',
    `AND i.epoch = (SELECT (value #>> '{}')::bigint FROM ${table('registry')} WHERE name = 'epoch')`,
  )
  const held = `WITH i AS MATERIALIZED (${heldRows(jobs, items, 'i.*', token)})`
  return {
    complete: prepared(
      `${held} DELETE FROM ${jobs} j USING i
       WHERE ${sameKey('j', 'i')} ${guard('completion-fence', 'AND j.fence <= i.applied')} ${epoch}`,
    ),
    free: {
      text: `${held} UPDATE ${jobs} j SET claim_token = NULL, lease_until = NULL, due_at = ${now} FROM i
        WHERE ${sameKey('j', 'i')} AND j.fence > i.applied ${epoch}`,
    },
  }
}
