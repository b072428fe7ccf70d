import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { QdrantConnection } from '../../../src/connections/qdrant/connection'
import { describeQdrant, type QdrantOptions, resolveQdrantOptions } from '../../../src/connections/qdrant/options'
import { classifyQdrant, retryAfter } from '../../../src/resilience/classify-qdrant'

const now = Date.UTC(2026, 0, 1)

describe('QdrantOptions', () => {
  it.each<[string, QdrantOptions, string]>([
    ['nothing', {}, 'qdrant'],
    ['both', { url: 'http://a', client: { api: () => ({}) as never } }, 'qdrant'],
    ['another scheme', { url: 'grpc://a:6334' }, 'qdrant.url'],
    ['a user in the URL', { url: 'https://user:secret@a' }, 'qdrant.url'],
    ['a query in the URL', { url: 'https://a?api-key=secret' }, 'qdrant.url'],
    ['a key over plain http', { url: 'http://a:6333', apiKey: 'secret' }, 'qdrant.apiKey'],
    ['a key that no header can carry', { url: 'https://a', apiKey: 'secret\r\nx: y' }, 'qdrant.apiKey'],
    ['half a client certificate', { url: 'https://a', tls: { cert: 'c' } }, 'qdrant.tls'],
    ['no connections', { url: 'http://a', maxConnections: 0 }, 'qdrant.maxConnections'],
    ['a key beside a client', { client: { api: () => ({}) as never }, apiKey: 'secret' }, 'qdrant.apiKey'],
    ['something that is no client', { client: {} as never }, 'qdrant.client'],
  ])('%s is HW_INVALID_OPTIONS and names its path', (_, options, path) => {
    expect(() => resolveQdrantOptions(options)).toThrowError(
      expect.objectContaining({ code: 'HW_INVALID_OPTIONS', path, message: expect.not.stringContaining('secret') }),
    )
  })

  it('the port is 6333 unless one is written', () => {
    const href = (url: string) => describeQdrant(resolveQdrantOptions({ url }).target)
    expect(href('http://host')).toBe('http://host:6333')
    expect(href('https://host/prefix/')).toBe('https://host:6333/prefix')
    expect(href('https://host:443')).toBe('https://host')
    expect(href('http://[::1]:7000')).toBe('http://[::1]:7000')
  })

  it('a key is never printed', () => {
    const connection = new QdrantConnection({ url: 'http://a', apiKey: 'sesame', allowInsecure: true })
    expect(inspect(connection, { depth: 9 }) + JSON.stringify(connection.options)).not.toContain('sesame')
  })
})

describe('answers of the server as errors', () => {
  const verdict = (status: number, error: string) =>
    classifyQdrant({ status, data: { status: { error } } }, 'test', now)

  it.each([
    [400, 'Wrong input: Vector dimension error: expected dim: 4, got 3', 'HW_INVALID_VECTOR', false],
    [400, 'Wrong input: Not existing vector name error: x', 'HW_FINGERPRINT_MISMATCH', false],
    [400, 'Format error in JSON body', 'HW_DATABASE', false],
    [404, "Not found: Collection `t1` doesn't exist!", 'HW_GENERATION_MISSING', true],
    [404, 'Not found: Point with id 999 does not exists!', 'HW_NOT_FOUND', false],
    [409, 'Wrong input: Collection `t1` already exists!', 'HW_CONFLICT', false],
    [422, 'Validation error', 'HW_DATABASE', false],
  ] as const)('%i %s', (status, text, code, retryable) => {
    const error = verdict(status, text)
    expect(error).toMatchObject({ code, retryable, details: { status } })
    expect(error.message).toContain(text)
    expect(error.cause).toBeDefined()
  })

  it('reads all of Retry-After', () => {
    expect(retryAfter('120', now)).toBe(120_000)
    expect(retryAfter(' 1.5 ', now)).toBe(1_500)
    expect(retryAfter(new Date(now + 60_000).toUTCString(), now)).toBe(60_000)
    expect(retryAfter(new Date(now - 60_000).toUTCString(), now)).toBe(0)
    for (const nothing of [undefined, '', '-1', 'soon', '1e3x']) expect(retryAfter(nothing, now)).toBe(undefined)
  })

  it('plain text of a refused key is kept', () => {
    const error = classifyQdrant({ status: 401, data: 'Invalid API key or JWT' }, 'test', now)
    expect(error.message).toContain('Invalid API key or JWT')
  })
})
