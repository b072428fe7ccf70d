import { S3Connection } from '../../connections/s3/connection'
import { systemRandom } from '../../core/random'
import { objectsUnder } from '../../repositories/s3/objects'
import { FolderFiles } from '../backup/folder-files'
import type { BackupPlace } from '../backup/place'
import type { BlobNames } from './scan'

const pageSize = 1_000

/** Names of all files of a folder, or of all objects below a prefix; neither is made where it is not there. */
export function blobNames(place: BackupPlace): { readonly names: BlobNames; close(): Promise<void> } {
  if (typeof place === 'string' || 'path' in place) {
    const files = new FolderFiles(typeof place === 'string' ? place : place.path, systemRandom)
    return {
      async *names(signal) {
        for await (const { name } of files.list('', { signal })) yield name
      },
      close: () => files.close(),
    }
  }
  const connection = new S3Connection(place.s3)
  const given = place.prefix ?? ''
  const prefix = given === '' || given.endsWith('/') ? given : `${given}/`
  return {
    async *names(signal) {
      for await (const page of objectsUnder(connection, place.bucket, prefix, '', pageSize, { signal })) {
        for (const { name } of page) yield name.slice(prefix.length)
      }
    },
    close: () => connection.close(),
  }
}
