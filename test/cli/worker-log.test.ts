import { expect, it } from 'vitest'
import { logWorker } from '../../src/cli/worker-log'
import type { WorkerSettings } from '../../src/config/settings'
import { channelNames, isHeard, publish } from '../../src/observability/channels'

function said(level: WorkerSettings['logLevel']): string[] {
  const lines: string[] = []
  const stop = logWorker(level, (of) => lines.push(of))
  const batch = { target: 'text', claimed: 3, durationMs: 5 }
  publish('headwater:call', () => ({ store: 'qdrant', durationMs: 1, code: null }))
  publish('headwater:batch', () => ({ ...batch, applied: 3, failed: 0, code: null }))
  publish('headwater:batch', () => ({ ...batch, applied: 0, failed: 0, code: 'HW_UNAVAILABLE' }))
  publish('headwater:breaker', () => ({ store: 'qdrant', state: 'open' }))
  publish('headwater:parked', () => ({
    tenant: 'acme',
    collection: 'documents',
    document: 'a',
    target: 'text',
    reason: 'HW_DATABASE: no',
  }))
  stop()
  expect(channelNames.filter(isHeard)).toEqual([])
  return lines
}

it('a worker says what its level asks for, and listens to nothing else', () => {
  expect(said('trace')).toEqual(['trace', 'debug', 'debug', 'warn', 'error'])
  expect(said('debug')).toEqual(['debug', 'debug', 'warn', 'error'])
  expect(said('info')).toEqual(['warn', 'error'])
  expect(said('error')).toEqual(['error'])
  expect(said('silent')).toEqual([])
})
