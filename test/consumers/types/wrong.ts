// What must not compile.
import type { Service } from './service'

export async function wrong(store: Service) {
  const acme = store.forTenant('acme')
  // @ts-expect-error `gt` on a keyword
  await acme.search({ query: 'x', filter: { section: { gt: 1 } } })
  // @ts-expect-error a document needs an id
  await acme.documents.put({ text: 'x' })
  // @ts-expect-error metadata of the wrong type
  await acme.documents.put({ id: 'a', text: 'x', metadata: { section: 'hr', year: 'soon' } })
}
