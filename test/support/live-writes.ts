import type { TenantHandle } from '../../index'

/** Documents that nobody touches, each found by a word of its own. */
export function stillDocuments(count: number): { readonly id: string; readonly text: string }[] {
  return Array.from({ length: count }, (_, at) => ({ id: `still${at}`, text: `unique${at} words that stay` }))
}

/** Writers that put and delete documents of their own until it is over. */
export class LiveWrites {
  over = false
  writes = 0

  async run(writer: number, { documents }: Pick<TenantHandle, 'documents'>): Promise<void> {
    for (let turn = 0; !this.over; turn++, this.writes++) {
      const id = `moving${writer}-${turn % 9}`
      if (turn % 4 === 3) await documents.delete(id)
      else await documents.put({ id, text: `turn ${turn} of writer ${writer}` })
    }
  }
}
