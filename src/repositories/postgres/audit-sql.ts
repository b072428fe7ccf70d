import { byKey, statements } from './statements'

const row = (alias: string): string =>
  ['tenant', 'id', 'at', 'actor', 'action', 'kind', 'name', 'key', 'version', 'content', 'content_hash']
    .map((name) => `${alias}.${name}`)
    .join(', ')
const batch = 'b.tenant, b.number, b.size, b.root, b.previous, b.seal, b.sealed_at, b.export'

export const auditStatements = statements(({ table }) => {
  const audit = table('audit')
  const batches = table('audit_batches')
  const leaves = table('audit_leaves')
  const nextId = `nextval('${table('fences').replaceAll("'", "''")}'::regclass)`
  const leafOf = (alias: string): string =>
    `SELECT FROM ${leaves} l WHERE l.tenant = ${alias}.tenant AND l.id = ${alias}.id`
  return {
    /** Of one row by its key, where one is named; else of all, or of a kind, in their order. */
    list: ({ subject, actor, action }: { subject: number; actor: boolean; action: boolean }) => {
      const conditions = ['kind', 'name', 'key'].slice(0, subject).map((name, at) => `AND a.${name} = $${at + 4}`)
      if (actor) conditions.push(`AND a.actor = $${subject + 4}`)
      if (action) conditions.push(`AND a.action = $${subject + 4 + (actor ? 1 : 0)}`)
      return byKey(
        `SELECT ${row('a')}, (SELECT l.batch FROM ${leaves} l WHERE l.tenant = a.tenant AND l.id = a.id) AS batch
         FROM ${audit} a WHERE a.tenant = $1 ${conditions.join(' ')} AND a.id < coalesce($2::bigint, 9223372036854775807)
         ORDER BY a.id DESC LIMIT $3::bigint`,
      )
    },
    get: byKey(
      `SELECT ${row('a')}, (SELECT l.batch FROM ${leaves} l WHERE l.tenant = a.tenant AND l.id = a.id) AS batch
       FROM ${audit} a WHERE a.tenant = $1 AND a.id = $2::bigint`,
    ),
    /**
     * What is older than the oldest transaction under way has committed, or never will. A row of a transaction that is yet
     * to come was brought from another server, whose numbers are not to be compared, and so was a horizon beyond ours.
     */
    unsealed: {
      text: `WITH now AS MATERIALIZED (
          SELECT pg_snapshot_xmin(s) AS xmin, pg_snapshot_xmax(s) AS xmax FROM pg_current_snapshot() AS s)
        SELECT n.xmin::text AS horizon, a.* FROM now n LEFT JOIN LATERAL (
          SELECT ${row('a')}, a.xid::text AS xid FROM ${audit} a
          WHERE a.xid >= CASE WHEN $1::xid8 <= n.xmin THEN $1::xid8 ELSE '0'::xid8 END
            AND (a.xid < n.xmin OR a.xid >= n.xmax) AND NOT EXISTS (${leafOf('a')})
          ORDER BY a.xid, a.id LIMIT $2::bigint) a ON true`,
    },
    newest: byKey(
      `SELECT ${batch} FROM unnest($1::text[]) AS t (tenant) CROSS JOIN LATERAL (
         SELECT * FROM ${batches} b WHERE b.tenant = t.tenant ORDER BY b.number DESC LIMIT 1) b`,
    ),
    seal: byKey(
      `WITH sealed AS (
         INSERT INTO ${batches} (tenant, number, size, root, previous, seal, sealed_at)
         SELECT * FROM unnest($1::text[], $2::bigint[], $3::int[], $4::text[], $5::text[], $6::text[], $7::bigint[]))
       INSERT INTO ${leaves} (tenant, batch, id, position, hash)
       SELECT i.tenant, i.batch, i.id, i.position, decode(i.hash, 'hex')
       FROM unnest($8::text[], $9::bigint[], $10::bigint[], $11::int[], $12::text[]) AS i (tenant, batch, id, position, hash)`,
    ),
    batches: byKey(
      `SELECT ${batch} FROM ${batches} b WHERE b.tenant = $1 AND b.number >= $2::bigint ORDER BY b.number LIMIT $3::bigint`,
    ),
    leaves: byKey(
      `SELECT l.id AS leaf, l.position, encode(l.hash, 'hex') AS hash, a.*
       FROM ${leaves} l LEFT JOIN LATERAL (
         SELECT ${row('a')}, a.content IS NULL AND EXISTS (
           SELECT FROM ${audit} e WHERE e.tenant = a.tenant AND e.kind = a.kind AND e.name = a.name AND e.key = a.key
             AND e.action = 'erase' AND e.id > a.id) AS erased
         FROM ${audit} a WHERE a.tenant = l.tenant AND a.id = l.id) a ON true
       WHERE l.tenant = $1 AND l.batch = $2::bigint ORDER BY l.position`,
    ),
    strays: {
      text: `SELECT a.id FROM ${audit} a WHERE a.tenant = $1 AND a.xid < $2::xid8 AND NOT EXISTS (${leafOf('a')})
        ORDER BY a.id LIMIT $3::bigint`,
    },
    tenants: {
      text: `WITH RECURSIVE t AS (
          SELECT min(tenant) AS tenant FROM ${audit}
          UNION ALL SELECT (SELECT min(a.tenant) FROM ${audit} a WHERE a.tenant > t.tenant) FROM t WHERE t.tenant IS NOT NULL)
        SELECT tenant FROM t WHERE tenant IS NOT NULL UNION SELECT tenant FROM ${batches} ORDER BY 1`,
    },
    unexported: {
      text: `SELECT ${batch} FROM ${batches} b WHERE b.export IS NULL ORDER BY b.sealed_at, b.tenant, b.number LIMIT $1::bigint`,
    },
    exported: byKey(`UPDATE ${batches} SET export = $3 WHERE tenant = $1 AND number = $2::bigint AND export IS NULL`),
    exports: { text: `SELECT export FROM ${batches} WHERE export IS NOT NULL` },
    erase: {
      text: `WITH gone AS (
          UPDATE ${audit} a SET content = NULL, content_hash = encode(sha256(convert_to(a.content, 'UTF8')), 'hex')
          WHERE a.tenant = $1 AND a.kind = $2 AND a.name = $3 AND a.key = $4 AND a.content IS NOT NULL AND a.action <> 'erase'
          RETURNING a.version),
        told AS (
          INSERT INTO ${audit} (id, tenant, actor, action, kind, name, key, version, content)
          SELECT ${nextId}, $1, $5::text, 'erase', $2, $3, $4, max(version),
            json_build_object('rows', count(*))::text FROM gone HAVING count(*) > 0)
        SELECT count(*) AS count FROM gone`,
    },
  }
})
