import { describe, expect, it } from 'vitest'
import { HeadwaterError } from '../../src/core/errors'
import { classifyNetwork, messageOf } from '../../src/resilience/classify-network'
import { classifyPostgres, commitIsUnknown } from '../../src/resilience/classify-postgres'

const server = (code: string, message = 'said the server') =>
  Object.assign(new Error(message), { code, severity: 'ERROR', table: 'documents', detail: 'Key (id)=(secret)' })

describe('classifyPostgres', () => {
  it.each([
    ['40001', 'HW_CONFLICT', true, 'none', false],
    ['40P01', 'HW_CONFLICT', true, 'none', false],
    ['55P03', 'HW_CONFLICT', true, 'none', false],
    ['57014', 'HW_TIMEOUT', true, 'none', false],
    ['25P02', 'HW_TRANSACTION_ABORTED', true, 'none', false],
    ['25006', 'HW_UNAVAILABLE', true, 'pool', false],
    ['57P01', 'HW_UNAVAILABLE', true, 'connection', true],
    ['57P03', 'HW_UNAVAILABLE', true, 'connection', true],
    ['08006', 'HW_UNAVAILABLE', true, 'connection', true],
    ['53300', 'HW_UNAVAILABLE', true, 'connection', false],
    ['28P01', 'HW_UNAUTHORIZED', false, 'connection', false],
    ['42501', 'HW_UNAUTHORIZED', false, 'none', false],
    ['53100', 'HW_STORAGE', false, 'none', false],
    ['23505', 'HW_DATABASE', false, 'none', false],
    ['22P02', 'HW_DATABASE', false, 'none', false],
    ['42P01', 'HW_DATABASE', false, 'none', false],
    ['XX000', 'HW_DATABASE', false, 'none', true],
  ])('SQLSTATE %s is %s, retryable %s, evicts %s, unknown at COMMIT %s', (state, code, retryable, evict, unknown) => {
    const failure = classifyPostgres(server(state), 'query')
    expect(failure).toMatchObject({ evict, answered: true, error: { code, retryable } })
    expect(failure.error.details).toEqual({ sqlState: state, table: 'documents' })
    expect(commitIsUnknown(failure)).toBe(unknown)
  })

  it.each([
    ['Connection terminated unexpectedly', 'HW_UNAVAILABLE'],
    ['timeout exceeded when trying to connect', 'HW_UNAVAILABLE'],
    ['Client has encountered a connection error and is not queryable', 'HW_UNAVAILABLE'],
    ['Received unexpected rowDescription message from backend.', 'HW_UNAVAILABLE'],
    ['Query read timeout', 'HW_TIMEOUT'],
    ['PGlite is closed', 'HW_CLOSED'],
    ['something nobody has seen', 'HW_DATABASE'],
  ])('%s, without SQLSTATE, is %s and replaces the connection', (message, code) => {
    const failure = classifyPostgres(new Error(message), 'query')
    expect(failure).toMatchObject({ evict: 'connection', answered: false, error: { code } })
    expect(commitIsUnknown(failure)).toBe(true)
  })

  it('finds the SQLSTATE inside what Kysely or drizzle wrapped around it', () => {
    const wrapped = new Error('Failed query', { cause: server('23505') })
    expect(classifyPostgres(wrapped, 'query').error.details).toMatchObject({ sqlState: '23505' })
  })

  it('does not take EPIPE, five letters, for a SQLSTATE', () => {
    const failure = classifyPostgres(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }), 'query')
    expect(failure).toMatchObject({ answered: false, error: { code: 'HW_UNAVAILABLE' } })
  })

  it('a plan that changed under a prepared statement is retried on another connection', () => {
    const failure = classifyPostgres(server('0A000', 'cached plan must not change result type'), 'query')
    expect(failure).toMatchObject({ evict: 'connection', error: { retryable: true } })
  })
})

describe('classifyNetwork', () => {
  it('reads an AggregateError, whose own message is empty', () => {
    const refused = Object.assign(new Error('connect ECONNREFUSED ::1:1'), { code: 'ECONNREFUSED' })
    const error = classifyNetwork(new AggregateError([refused]), 'GET /')
    expect(error).toMatchObject({ code: 'HW_UNAVAILABLE', retryable: true })
    expect(error?.message).toBe('GET /: connect ECONNREFUSED ::1:1')
  })

  it('does not retry a certificate that is wrong', () => {
    const error = Object.assign(new Error('self signed'), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' })
    expect(classifyNetwork(error, 'GET /')).toMatchObject({ code: 'HW_UNAVAILABLE', retryable: false })
  })

  it('leaves ours alone and what is not of the network to others', () => {
    const ours = new HeadwaterError('HW_CLOSED', 'closed')
    expect(classifyNetwork(ours, 'x')).toBe(ours)
    expect(classifyNetwork(new TypeError('defect'), 'x')).toBeUndefined()
  })

  it('says what the file system of PGlite means by its numbers', () => {
    expect(messageOf({ name: 'ErrnoError', errno: 51 })).toBe('no space is left on the device')
    expect(messageOf({ name: 'ErrnoError', errno: 2 })).toBe('file system error 2')
    expect(messageOf('text')).toBe('text')
  })
})
