import { describe, expect, it } from 'vitest'
import type { QdrantVectorOptions } from '../../../src/repositories/qdrant/options'
import { vectorRepositoryContract } from '../../../src/testing/contracts/vectors'
import { type QdrantBackend, useQdrant } from './backend'

const runner = { describe, it, expect }
const names = ['contract_vector_1', 'contract_vector_2']

function contract(backend: () => QdrantBackend, options?: QdrantVectorOptions): void {
  vectorRepositoryContract(runner, async () => {
    const vectors = backend().vectors(options)
    const drop = async () => {
      for (const name of names) await vectors.drop({ name, fingerprint: '', dimensions: 3 })
    }
    await drop()
    return { vectors, dispose: drop }
  })
}

describe('Qdrant by URL', () => {
  contract(useQdrant())
})

describe('Qdrant by a client of the user’s', () => {
  contract(useQdrant('client'))
})

describe('Qdrant with a collection a tenant', () => {
  contract(useQdrant(), { layout: 'per-tenant' })
})

describe('Qdrant with quantized vectors and small batches', () => {
  contract(useQdrant(), { quantization: { quantile: 0.99 }, batch: { points: 7 } })
})
