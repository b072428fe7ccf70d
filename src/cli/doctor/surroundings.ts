import path from 'node:path'
import { isOpenToOthers } from '../../core/private-files'
import { clearPasswords } from '../../store/clear-passwords'
import type { StoreOptions } from '../../store/store-options'
import { type Check, ok, warning } from './check'

/** Whether others on this machine may read what a store keeps in folders. */
export function checkFolders({ postgres, embedded, blobs }: StoreOptions<object>): Check[] {
  const folder = postgres ? undefined : (embedded?.path ?? './.headwater')
  const own =
    folder === undefined || folder === ':memory:' ? [] : ['postgres', 'blobs'].map((name) => path.join(folder, name))
  const folders = [...own, ...(blobs ? [blobs.path] : [])]
  if (folders.length === 0) return []
  const open = folders.filter((one) => isOpenToOthers(one))
  if (open.length === 0) return [ok('folders', 'Nobody but their owner may look into them.')]
  const detail = `Other users of this machine may look into ${open.join(', ')}.`
  return [warning('folders', detail, `chmod -R go= ${open.join(' ')}`)]
}

/** Whether passwords travel in clear. */
export function checkPasswords(options: StoreOptions<object>): Check[] {
  return clearPasswords(options).map((one) => warning('passwords', one, 'Whoever listens on the way reads it.'))
}
