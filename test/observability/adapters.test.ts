import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import { Registry } from 'prom-client'
import { describe, expect, it } from 'vitest'
import { channelNames, isHeard, publish } from '../../src/observability/channels'
import { instruments } from '../../src/observability/instruments'
import { openTelemetryMetrics } from '../../src/observability/opentelemetry'
import { prometheusMetrics } from '../../src/observability/prometheus'

function tellAll(): void {
  publish('headwater:call', () => ({ store: 'qdrant', durationMs: 12, code: null }))
  publish('headwater:call', () => ({ store: 'qdrant', durationMs: 40, code: 'HW_TIMEOUT' }))
  publish('headwater:breaker', () => ({ store: 'redis', state: 'open' }))
  const place = { tenant: 'acme', collection: 'documents' }
  publish('headwater:write', () => ({
    ...place,
    by: 'call',
    written: 3,
    unchanged: 2,
    truncated: 1,
    durationMs: 7,
    code: null,
  }))
  publish('headwater:search', () => ({
    ...place,
    mode: 'hybrid',
    hits: 10,
    degraded: ['vector'],
    cached: false,
    durationMs: 20,
    code: null,
  }))
  publish('headwater:batch', () => ({ target: 'text', claimed: 5, applied: 4, failed: 1, durationMs: 30, code: null }))
  publish('headwater:parked', () => ({ ...place, document: 'poison', target: 'text', reason: 'HW_DATABASE: no' }))
  publish('headwater:errand', () => ({
    tenant: 'acme',
    name: 'mail',
    attempt: 1,
    became: 'done',
    durationMs: 10,
    code: null,
  }))
  publish('headwater:backups', () => ({ backupAgeMs: 3_600_000, drillAgeMs: 86_400_000 }))
  publish('headwater:backlog', () => ({ waiting: 7, claimed: 2, parked: 1, oldestAgeMs: 4_000 }))
  publish('headwater:reconcile', () => ({
    checked: 9,
    missing: 4,
    stale: 0,
    orphaned: 1,
    foreign: 0,
    damaged: 0,
    repaired: 5,
    durationMs: 1,
    code: null,
  }))
}

describe('channels', () => {
  it('compute nothing while nobody listens', () => {
    for (const name of channelNames) {
      expect(isHeard(name)).toBe(false)
      publish(name, () => expect.fail('computed for nobody'))
    }
  })
})

describe('Prometheus', () => {
  it('has every instrument, without tenants, until it is stopped', async () => {
    const registry = new Registry()
    const stop = prometheusMetrics({ registry })
    tellAll()
    const text = await registry.metrics()
    for (const { name } of instruments) expect(text).toContain(`# TYPE headwater_${name} `)
    expect(text).toContain('headwater_call_seconds_count{store="qdrant",code="HW_TIMEOUT"} 1')
    expect(text).toContain('headwater_breaker_open{store="redis"} 1')
    expect(text).toContain('headwater_documents_total{collection="documents",outcome="written"} 3')
    expect(text).toContain('headwater_search_degraded_total{leg="vector"} 1')
    expect(text).toContain('headwater_jobs_total{target="text",outcome="applied"} 4')
    expect(text).toContain('headwater_backlog_jobs{state="waiting"} 7')
    expect(text).toContain('headwater_lag_seconds 4')
    expect(text).toContain('headwater_errand_seconds_count{name="mail",outcome="done"} 1')
    expect(text).toContain('headwater_drift_total{kind="missing"} 4')
    expect(text).not.toMatch(/acme|poison/)
    stop()
    expect(await registry.metrics()).toBe('\n')
    expect(channelNames.filter(isHeard)).toEqual([])
    // Again is no clash of names.
    prometheusMetrics({ registry, prefix: 'own_' })()
  })
})

describe('OpenTelemetry', () => {
  it('has every instrument, until it is stopped', async () => {
    const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
    const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 2 ** 30 })
    const provider = new MeterProvider({ readers: [reader] })
    const stop = openTelemetryMetrics({ meter: provider.getMeter('headwater') })
    tellAll()
    stop()
    tellAll()
    await provider.forceFlush()
    const found = exporter.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics.flatMap(({ metrics }) => metrics))
    expect(found.map(({ descriptor }) => descriptor.name)).toHaveLength(instruments.length)
    const values = (name: string) =>
      found
        .find(({ descriptor }) => descriptor.name === name)!
        .dataPoints.map(({ value, attributes }) => [attributes, value])
    expect(values('headwater.lag')).toEqual([[{}, 4]])
    expect(values('headwater.jobs')).toEqual([
      [{ target: 'text', outcome: 'applied' }, 4],
      [{ target: 'text', outcome: 'failed' }, 1],
    ])
    expect(values('headwater.call')).toMatchObject([
      [
        { store: 'qdrant', code: '' },
        { count: 1, sum: 0.012 },
      ],
      [{ store: 'qdrant', code: 'HW_TIMEOUT' }, { count: 1 }],
    ])
    await provider.shutdown()
    expect(channelNames.filter(isHeard)).toEqual([])
  })
})
