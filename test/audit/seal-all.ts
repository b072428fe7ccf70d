import type { AuditPage, Store, TenantAudit } from '../../index'

/**
 * Seals until every row of an audit has one: whatever is under way on the server, in other databases too, holds seals
 * back.
 */
export async function sealAll(
  store: { readonly audit: Pick<Store['audit'], 'seal'> },
  audit: Pick<TenantAudit, 'list'>,
): Promise<void> {
  for (let attempt = 1; attempt <= 1_000; attempt++) {
    await store.audit.seal()
    const { items }: AuditPage = await audit.list({ limit: 1_000 })
    if (items.every(({ batch }) => batch !== null)) return
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  throw new Error('Some rows of the audit have no seal')
}
