import { describe, expect, it } from 'vitest'
import { MemoryBlobRepository } from '../../src/repositories/memory/blobs'
import { MemoryCacheRepository } from '../../src/repositories/memory/cache'
import { MemoryTextRepository } from '../../src/repositories/memory/texts'
import { MemoryTruth } from '../../src/repositories/memory/truth'
import { MemoryVectorRepository } from '../../src/repositories/memory/vectors'
import { auditRepositoryContract } from '../../src/testing/contracts/audit'
import { blobReferenceRepositoryContract } from '../../src/testing/contracts/blob-references'
import { blobRepositoryContract } from '../../src/testing/contracts/blobs'
import { cacheRepositoryContract } from '../../src/testing/contracts/cache'
import { chunkRepositoryContract } from '../../src/testing/contracts/chunks'
import { commitRepositoryContract } from '../../src/testing/contracts/commits'
import { documentWritesContract } from '../../src/testing/contracts/document-writes'
import { documentRepositoryContract } from '../../src/testing/contracts/documents'
import { embeddingRepositoryContract } from '../../src/testing/contracts/embeddings'
import { entityReferenceContract, entityRowRepositoryContract } from '../../src/testing/contracts/entities'
import { errandRepositoryContract } from '../../src/testing/contracts/errands'
import { generationRepositoryContract } from '../../src/testing/contracts/generations'
import { jobRepositoryContract } from '../../src/testing/contracts/jobs'
import { registryRepositoryContract } from '../../src/testing/contracts/registry'
import { textRepositoryContract } from '../../src/testing/contracts/texts'
import { truthContract } from '../../src/testing/contracts/truth'
import { vectorRepositoryContract } from '../../src/testing/contracts/vectors'
import { FakeClock } from '../../src/testing/fake-clock'

const runner = { describe, it, expect }
const dispose = async (): Promise<void> => {}

describe('in memory', () => {
  for (const contract of [
    truthContract,
    documentRepositoryContract,
    documentWritesContract,
    chunkRepositoryContract,
    embeddingRepositoryContract,
    entityRowRepositoryContract,
    entityReferenceContract,
    jobRepositoryContract,
    errandRepositoryContract,
    auditRepositoryContract,
    generationRepositoryContract,
    commitRepositoryContract,
    registryRepositoryContract,
    blobReferenceRepositoryContract,
  ]) {
    contract(runner, async () => ({ truth: new MemoryTruth(), dispose }))
  }
  vectorRepositoryContract(runner, async () => ({ vectors: new MemoryVectorRepository(), dispose }))
  blobRepositoryContract(runner, async () => ({ blobs: new MemoryBlobRepository(), dispose }))
  cacheRepositoryContract(runner, async () => {
    const clock = new FakeClock()
    return { cache: new MemoryCacheRepository({ clock }), advance: (ms) => clock.advance(ms), dispose }
  })
  textRepositoryContract(runner, async () => ({ texts: new MemoryTextRepository(), dispose }))
})
