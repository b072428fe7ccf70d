/** An identifier as SQL text. */
export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** The setting that names the tenant of a statement. */
const tenantSetting = `(SELECT current_setting('headwater.tenant', true))`

/**
 * Statements that put a table with a column `tenant` under row level security. Everybody sees the rows of the tenant
 * that the transaction names, and no others. The owner, whom FORCE keeps under the policies too, sees all of them while
 * no tenant is named: so a database where nobody may create roles still has both a wall and a relay. A subquery is
 * evaluated once a statement, not once a row. `table` is quoted already.
 */
export function rowSecurityStatements(table: string): string[] {
  const own = `tenant = ${tenantSetting}`
  const none = `coalesce(${tenantSetting}, '') = ''`
  return [
    `ALTER TABLE ${table} ENABLE ROW LEVEL SECURITY`,
    `ALTER TABLE ${table} FORCE ROW LEVEL SECURITY`,
    `CREATE POLICY headwater_tenant ON ${table} USING (${own}) WITH CHECK (${own})`,
    `CREATE POLICY headwater_owner ON ${table} TO CURRENT_USER USING (${none}) WITH CHECK (${none})`,
  ]
}
