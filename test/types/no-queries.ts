// What `twenty-queries.ts` is compared with: the package imported, a store opened.
import { openStore } from 'headwater'

export const open = () => openStore()
