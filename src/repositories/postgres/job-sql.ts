import { byKey, type Dialect, now, nowMs, prepared, statements } from './statements'

const key = 'target, tenant, collection, document'
/** Joins jobs with a list of keys of which each may be there once. */
const sameKey = (a: string, b: string): string =>
  `${a}.target = ${b}.target AND ${a}.tenant = ${b}.tenant AND ${a}.collection = ${b}.collection
    AND ${a}.document = ${b}.document`
/** The columns themselves, which compare by bytes; the values that are bound do not. */
export const inOrder = key.replaceAll(',', ' COLLATE "C",').concat(' COLLATE "C"')
const keyArrays = 'unnest($1::text[], $2::text[], $3::text[], $4::text[]'

/** A length of time that is bound in ms. */
const ms = (parameter: string): string => `${parameter} * interval '1 ms'`

const epochOf = (registry: string): string => `(SELECT (value #>> '{}')::bigint FROM ${registry} WHERE name = 'epoch')`

/** What stands for a document in the index of claims: one of 65,536 marks. */
const markOf = (document: string): string => `hashtext(${document}) & 65535`
const marksOf = (documents: string): string => `ARRAY(SELECT ${markOf('u.id')} FROM unnest(${documents}) AS u (id))`

/** Claims that hold the document: found by its mark, whatever else is claimed or was until a moment ago. */
export function heldBy({ table }: Dialect, tenant: string, collection: string, document: string): string {
  return `FROM ${table('claims')} held WHERE held.marks @> ARRAY[${markOf(document)}] AND held.tenant = ${tenant}
    AND held.collection = ${collection} AND ${document} = ANY(held.documents)`
}

const claimedDocuments =
  'unnest(c.documents, c.since, c.fence, c.first, c.attempts, c.reasons) AS i (document, since, fence, first, attempts, reason)'

export const jobStatements = statements((dialect) => {
  const queue = dialect.table('queue')
  const claims = dialect.table('claims')
  const count = 'cardinality(documents) * cardinality(targets)'
  const fields = `${key}, since, fence, first, attempts, reason`
  return {
    enqueue: enqueueSql(dialect),
    hold: holdSql(dialect),
    claim: claimSql(dialect),
    ...expireSql(dialect),
    settle: settleSql(dialect),
    renew: byKey(
      `WITH renewed AS (
         UPDATE ${claims} SET lease_until = ${now} + ${ms('$2::bigint')} WHERE token = $1 RETURNING ${count} AS jobs)
       SELECT coalesce(sum(jobs), 0) AS jobs FROM renewed`,
    ),
    /** `pending` and `parked` are given their conditions; rows in the order of their fences. */
    waiting: `SELECT ${fields}, parked_at IS NOT NULL AS parked, (extract(epoch FROM created_at) * 1000)::bigint AS created_at
      FROM ${queue} WHERE`,
    /** The same of what is claimed; conditions of claims go in, those of jobs follow. */
    claimed: (condition: string) => `SELECT t.target, c.tenant, c.collection, i.document, i.since, i.fence, i.first,
        coalesce(i.attempts, 0) AS attempts, i.reason, false AS parked,
        (extract(epoch FROM c.created_at) * 1000)::bigint AS created_at
      FROM ${claims} c CROSS JOIN LATERAL unnest(c.targets) AS t (target) CROSS JOIN LATERAL ${claimedDocuments}
      WHERE ${condition}`,
    marksOf,
    covered: byKey(
      `SELECT (
          SELECT true FROM ${queue} j
          WHERE j.target = $1 AND j.collection = $2 AND j.tenant = i.tenant AND j.document = i.document
            AND (i.fence IS NULL OR j.since < i.fence)) IS NOT NULL
        OR EXISTS (
          SELECT ${heldBy(dialect, 'i.tenant', '$2', 'i.document')} AND $1 = ANY(held.targets)
            AND (i.fence IS NULL OR held.since[array_position(held.documents, i.document)] < i.fence)) AS covered
       FROM unnest($3::text[], $4::text[], $5::bigint[]) WITH ORDINALITY AS i (tenant, document, fence, at) ORDER BY i.at`,
    ),
    backlog: {
      text: `WITH q AS (
          SELECT count(*) FILTER (WHERE parked_at IS NULL) AS waiting, count(*) FILTER (WHERE parked_at IS NOT NULL) AS parked,
            min(created_at) FILTER (WHERE parked_at IS NULL) AS oldest
          FROM ${queue} WHERE $1::text IS NULL OR tenant = $1),
        c AS (
          SELECT coalesce(sum(${count}) FILTER (WHERE lease_until > ${now}), 0) AS claimed,
            coalesce(sum(${count}) FILTER (WHERE lease_until <= ${now}), 0) AS expired, min(created_at) AS oldest
          FROM ${claims} WHERE $1::text IS NULL OR tenant = $1)
        SELECT q.waiting + c.expired AS waiting, c.claimed, q.parked,
          CASE WHEN least(q.oldest, c.oldest) IS NOT NULL
            THEN greatest(0, extract(epoch FROM ${now} - least(q.oldest, c.oldest)) * 1000)::bigint END AS oldest
        FROM q, c`,
    },
    redrive: {
      text: `WITH parked AS MATERIALIZED (
          SELECT ${key} FROM ${queue}
          WHERE parked_at IS NOT NULL AND ($1::text IS NULL OR tenant = $1) AND ($2::text IS NULL OR target = $2)
          ORDER BY ${key} FOR UPDATE)
        UPDATE ${queue} j SET parked_at = NULL, attempts = 0, due_at = ${now} FROM parked
        WHERE ${sameKey('j', 'parked')} AND j.parked_at IS NOT NULL`,
    },
  }
})

/**
 * Jobs that are wanted, each key once and in the order of keys, so that two writers of the same jobs never wait for each
 * other.
 */
function wantedSql({ guard }: Dialect): string {
  const wanted = `SELECT i.* FROM ${keyArrays}, $5::bigint[], $6::bigint[]) AS i (${key}, since, fence)`
  const grouped = `SELECT ${key}, min(since) AS since, max(fence) AS fence, min(fence) AS first
    FROM (${wanted}) w GROUP BY ${key} ORDER BY ${inOrder}`
  return guard('key-order', grouped, wanted.replace('i.*', 'i.*, i.fence AS first'))
}

/** What a job becomes that waits already; it keeps when it is due, so that no index hears of it. */
function coalescing(mends: string): string {
  return `ON CONFLICT (${key}) DO UPDATE SET
       since = least(j.since, excluded.since), fence = greatest(j.fence, excluded.fence),
       first = least(j.first, excluded.first), due_at = least(j.due_at, excluded.due_at), parked_at = NULL,
       attempts = CASE WHEN ${mends} THEN j.attempts ELSE 0 END, reason = CASE WHEN ${mends} THEN j.reason END`
}

/** `$7` keeps the attempts. */
function enqueueSql(dialect: Dialect) {
  return byKey(queuedJobs(dialect, `(${wantedSql(dialect)})`, '$7::boolean'))
}

/** Leaves the jobs of a step, or of a query, in the queue; in the order of keys where they are not in it already. */
export function queuedJobs({ table }: Dialect, wanted: string, mends: string, order = ''): string {
  return `INSERT INTO ${table('queue')} AS j (${key}, since, fence, first, created_at, due_at)
     SELECT ${key}, since, fence, first, clock_timestamp(), clock_timestamp() FROM ${wanted} w ${order} ${coalescing(mends)}`
}

/** `$7` and `$8` are the claim's token and lease, `$9` keeps the attempts. */
function holdSql(dialect: Dialect) {
  return byKey(
    `WITH wanted AS MATERIALIZED (${wantedSql(dialect)}), ${heldJobs(dialect, 'wanted', '$7', '$8::bigint', '$9::boolean')}
     SELECT ${key}, since, fence, attempts, ${epochOf(dialect.table('registry'))} AS epoch FROM held`,
  )
}

/** Claims the jobs of a step, and takes along what waits of the same keys: `held` is what the claim holds. */
export function heldJobs(dialect: Dialect, wanted: string, token: string, lease: string, mends: string): string {
  const { table } = dialect
  return `waiting AS MATERIALIZED (
       SELECT j.* FROM ${wanted} w CROSS JOIN LATERAL (
         SELECT * FROM ${table('queue')} j WHERE ${sameKey('j', 'w')} FOR UPDATE) j),
     taken AS (DELETE FROM ${table('queue')} j USING waiting w WHERE ${sameKey('j', 'w')}),
     held AS MATERIALIZED (
       SELECT w.target, w.tenant, w.collection, w.document, least(w.since, j.since) AS since,
         greatest(w.fence, j.fence) AS fence, least(w.first, j.first) AS first,
         CASE WHEN ${mends} THEN coalesce(j.attempts, 0) ELSE 0 END AS attempts,
         CASE WHEN ${mends} THEN j.reason END AS reason
       FROM ${wanted} w LEFT JOIN waiting j ON ${sameKey('j', 'w')}),
     ${claimedRows(table('claims'), 'held', token, lease, table('registry'), now)}`
}

/** Rows of claims for jobs: one for targets whose documents, fences and attempts are the same, of a tenant and collection. */
export function claimedRows(
  claims: string,
  jobs: string,
  token: string,
  leaseMs: string,
  registry: string,
  createdAt: string,
): string {
  const documents = 'array_agg(document ORDER BY document)'
  const each = (column: string): string => `array_agg(${column} ORDER BY document)`
  return `by_target AS (
       SELECT tenant, collection, target, ${documents} AS documents, ${each('since')} AS since, ${each('fence')} AS fence,
         ${each('first')} AS first, CASE WHEN max(attempts) > 0 THEN ${each('attempts')} END AS attempts,
         CASE WHEN count(reason) > 0 THEN ${each('reason')} END AS reasons, min(${createdAt}) AS created_at
       FROM ${jobs} GROUP BY tenant, collection, target),
     rows AS (
       INSERT INTO ${claims} (token, tenant, collection, targets, epoch, created_at, lease_until, documents, marks, since,
         fence, first, attempts, reasons)
       SELECT ${token}, tenant, collection, array_agg(target ORDER BY target),
         ${epochOf(registry)}, min(created_at),
         ${now} + ${ms(leaseMs)}, documents, ${marksOf('documents')}, since, fence, first, attempts, reasons
       FROM by_target GROUP BY tenant, collection, documents, since, fence, first, attempts, reasons)`
}

/**
 * Chooses and locks in a MATERIALIZED step, which alone keeps to the limit, by a range of one index a target. The limit
 * is text, because a plan for an unknown one reads the whole table. `$4` is a floor below which nothing is looked for, or
 * the collections whose jobs are left; a floor is compared as a row, for of two bounds of one column the planner guesses so few rows that it sorts them all.
 */
function claimSql({ table, guard }: Dialect): (limit: number, among: 'all' | 'floored' | 'except') => string {
  const queue = table('queue')
  const lock = `FOR UPDATE ${guard('skip-locked', 'SKIP LOCKED')}`
  const conditions = {
    all: '',
    floored: 'AND (j.due_at, j.first) >= ($4::timestamptz, 0)',
    except: 'AND j.collection <> ALL($4::text[])',
  }
  return (limit, among) =>
    `WITH due AS MATERIALIZED (
       SELECT found.* FROM unnest($1::text[]) AS wanted (target) CROSS JOIN LATERAL (
         SELECT j.target, j.tenant, j.collection, j.document, j.due_at, j.first FROM ${queue} j
         WHERE j.target = wanted.target AND j.parked_at IS NULL AND j.due_at <= ${now}
           ${conditions[among]}
         ORDER BY j.due_at, j.first LIMIT ${limit} ${lock}) found
       ORDER BY found.due_at, found.first LIMIT ${limit}),
     taken AS (
       DELETE FROM ${queue} j USING due WHERE ${sameKey('j', 'due')}
       RETURNING j.target, j.tenant, j.collection, j.document, j.since, j.fence, j.first, j.attempts, j.reason,
         j.created_at, due.due_at AS was_due),
     ${claimedRows(table('claims'), 'taken', '$2', '$3::bigint', table('registry'), 'created_at')}
     SELECT ${key}, since, fence, attempts, was_due::text, ${epochOf(table('registry'))} AS epoch
     FROM taken ORDER BY was_due, first`
}

/**
 * One claim whose lease has run out goes back to the queue, in a statement and so in a transaction of its own. `$1` is a
 * floor of leases, `$2` the token of who looks; what other processes are giving back is passed over.
 */
function expireSql(dialect: Dialect) {
  const { table, guard } = dialect
  const claims = table('claims')
  const back = (gone: string): string =>
    `WITH gone AS (${gone}),
     back AS (
       SELECT t.target, c.tenant, c.collection, i.document, min(i.since) AS since, max(i.fence) AS fence,
         min(i.first) AS first, max(coalesce(i.attempts, 0)) AS attempts, max(i.reason) AS reason,
         min(c.created_at) AS created_at, clock_timestamp() AS due_at, NULL::timestamptz AS parked_at
       FROM gone c CROSS JOIN LATERAL unnest(c.targets) AS t (target) CROSS JOIN LATERAL ${claimedDocuments}
       GROUP BY 1, 2, 3, 4),
     put AS (${putBack(dialect)})`
  const lapsed = guard('lease', `AND lease_until <= ${now}`)
  const lease = "coalesce($1::timestamptz, '-infinity')"
  return {
    expire: byKey(
      `${back(`DELETE FROM ${claims} WHERE ctid = (
          SELECT ctid FROM ${claims} WHERE lease_until >= ${lease} AND token <> $2 ${lapsed}
          ORDER BY lease_until LIMIT 1 FOR UPDATE SKIP LOCKED) ${lapsed} RETURNING *`)}
       SELECT EXISTS (SELECT FROM gone) AS gone, ${nowMs} AS at`,
    ),
    freeClaims: {
      text: `${back(`DELETE FROM ${claims} RETURNING *`)}
        SELECT coalesce(sum(cardinality(documents) * cardinality(targets)), 0) AS jobs FROM gone`,
    },
  }
}

/**
 * Writes what `back` holds, one row a key, into the queue in the order of keys. A job that a newer write made stays as it
 * is, but for what it brings too; against one that is as old, the one with more attempts counts.
 */
function putBack({ table }: Dialect): string {
  const stays = '(j.fence > excluded.fence OR j.attempts > excluded.attempts)'
  const kept = (column: string): string => `${column} = CASE WHEN ${stays} THEN j.${column} ELSE excluded.${column} END`
  return `INSERT INTO ${table('queue')} AS j (${key}, since, fence, first, attempts, reason, created_at, due_at, parked_at)
     SELECT ${key}, since, fence, first, attempts, reason, created_at, due_at, parked_at FROM back ORDER BY ${inOrder}
     ON CONFLICT (${key}) DO UPDATE SET
       since = least(j.since, excluded.since), fence = greatest(j.fence, excluded.fence),
       first = least(j.first, excluded.first), created_at = least(j.created_at, excluded.created_at),
       ${kept('attempts')}, ${kept('reason')}, ${kept('due_at')}, ${kept('parked_at')}`
}

/**
 * Ends claims and puts back what is not done, in one statement and while the claims stand. `$3` on are outcomes. A
 * document whose fence is above what was applied has been written since: by a claim that may have been applied before
 * this one, which the job that is put back mends. Where the newer write still waits in the queue, that is the one.
 */
function settleSql(dialect: Dialect) {
  const { table, guard } = dialect
  const token = guard('claim-token', 'c.token = ANY($1::text[]) AND', '$1::text[] IS NOT NULL AND')
  const epoch = guard('completion-epoch', `AND c.epoch = ${epochOf(table('registry'))}`)
  const moved = guard(
    'overlap',
    `OR d.at > coalesce(o.applied, d.fence) AND (
       SELECT true FROM ${table('queue')} j WHERE j.target = t.target AND j.tenant = d.tenant AND j.collection = $2
         AND j.document = d.document AND j.fence >= d.at) IS NULL`,
  )
  return prepared(
    `WITH gone AS (
       DELETE FROM ${table('claims')} c WHERE ${token} c.collection = $2 ${epoch} RETURNING c.*),
     documents AS MATERIALIZED (
       SELECT c.tenant, c.targets, c.created_at, i.*, greatest(i.fence, d.fence) AS at
       FROM gone c CROSS JOIN LATERAL ${claimedDocuments}
       LEFT JOIN LATERAL (
         SELECT d.fence FROM ${table('documents')} d
         WHERE d.tenant = c.tenant AND d.collection = $2 AND d.id = i.document OFFSET 0) d ON true),
     outcomes AS MATERIALIZED (
       SELECT * FROM unnest($3::text[], $4::text[], $5::text[], $6::bigint[], $7::bigint[], $8::text[], $9::boolean[])
         AS o (target, tenant, document, applied, delay, reason, parks)),
     back AS (
       SELECT t.target, d.tenant, $2::text AS collection, d.document, min(d.since) AS since, max(d.at) AS fence,
         min(d.first) AS first,
         max(CASE WHEN d.at > d.fence THEN 0 ELSE coalesce(d.attempts, 0) + (o.reason IS NOT NULL)::int END) AS attempts,
         max(CASE WHEN d.at = d.fence THEN coalesce(o.reason, d.reason) END) AS reason, min(d.created_at) AS created_at,
         max(${now} + CASE WHEN d.at = d.fence THEN coalesce(o.delay, 0) ELSE 0 END * interval '1 ms') AS due_at,
         max(CASE WHEN o.parks AND d.at = d.fence THEN ${now} END) AS parked_at
       FROM documents d CROSS JOIN LATERAL unnest(d.targets) AS t (target)
       LEFT JOIN outcomes o ON o.target = t.target AND o.tenant = d.tenant AND o.document = d.document
       WHERE o.delay IS NOT NULL ${moved}
       GROUP BY 1, 2, 4),
     put AS (${putBack(dialect)})
     SELECT coalesce(sum(cardinality(documents) * cardinality(targets)), 0) - (SELECT count(*) FROM back) AS done FROM gone`,
  )
}
