import type { Executor } from '../../connections/postgres/executor'
import type { CallOptions } from '../../core/abort'
import { tenantId } from '../../core/ids'
import type { BlobRepository } from '../../repositories/blobs'
import { copyBlob, eachOf } from '../backup/blob-files'
import { rowsOf } from '../backup/read-rows'
import { blobSource } from '../backup/tables'

/** What came of blobs. */
export interface BroughtBlobs {
  /** Those that the target had not yet. */
  readonly written: number
  /** Those that documents own and that the source itself has not whole, the first 100 of `missingCount`. */
  readonly missing: readonly { readonly tenant: string; readonly key: string; readonly reason: string }[]
  readonly missingCount: number
}

interface OwnedBlob {
  readonly tenant: string
  readonly key: string
  /** Bytes. */
  readonly size: number
  readonly type: string
}

const atOnce = 4

/** Brings the blobs that documents of the schema own, by their hash; those that are there stay. */
export async function moveBlobs(
  listed: { readonly executor: Executor; readonly schema: string },
  from: BlobRepository,
  to: BlobRepository,
  call: CallOptions,
  done: () => void,
): Promise<BroughtBlobs> {
  const missing: { tenant: string; key: string; reason: string }[] = []
  const counts = { written: 0, missingCount: 0 }
  await eachOf(ownedBlobs(listed), atOnce, async ({ tenant: name, key, size, type }) => {
    const tenant = tenantId(name)
    if ((await to.head(tenant, key, call))?.size !== size) {
      const reason = await copyBlob(from, { tenant, key }, call, (bytes) =>
        to.put(tenant, bytes, { ...call, contentType: type, expectedKey: key }),
      )
      if (reason === undefined) counts.written++
      else if (++counts.missingCount <= 100) missing.push({ tenant, key, reason })
    }
    done()
  })
  return { ...counts, missing }
}

async function* ownedBlobs({
  executor,
  schema,
}: {
  readonly executor: Executor
  readonly schema: string
}): AsyncGenerator<OwnedBlob> {
  for await (const page of rowsOf(executor, blobSource(schema))) {
    for (const { line } of page) yield JSON.parse(line) as OwnedBlob
  }
}
