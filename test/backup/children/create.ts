import { writeSync } from 'node:fs'
import { systemRandom } from '../../../src/core/random'
import { withSource } from '../../../src/store/backup/source'
import { createBackup } from '../../../src/transfer/backup/create'
import { FolderFiles } from '../../../src/transfer/backup/folder-files'

/** Backs a store up, and stands still before the step that is named, until it is killed. */
const [where, place, step] = process.argv.slice(2) as [string, string, string]

const stop = (): void => {
  writeSync(1, `${JSON.stringify({ at: step })}\n`)
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
}
let parts = 0
class Watched extends FolderFiles {
  override async put(...args: Parameters<FolderFiles['put']>): Promise<number> {
    const kind = args[0].split('/')[0]!
    if (kind === 'parts' && ++parts === 3 && step === 'third part') stop()
    if (kind === 'blobs' && step === 'blob') stop()
    if (kind === 'manifests' && step === 'manifest') stop()
    const size = await super.put(...args)
    if (kind === 'manifests' && step === 'end') stop()
    return size
  }
}
await withSource(JSON.parse(where), (source) => {
  if (step === 'begin') stop()
  return createBackup(source, new Watched(place, systemRandom), { partBytes: 4_096 })
})
