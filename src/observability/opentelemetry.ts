import { type Meter, metrics } from '@opentelemetry/api'
import { buckets, measure } from './instruments'

/** Of `openTelemetryMetrics`. */
export interface OpenTelemetryOptions {
  /** Where the metrics go; the global provider's meter `headwater` when left out. */
  meter?: Meter | undefined
}

/**
 * Metrics of every store in this process for OpenTelemetry, until the returned function is called. Needs the package
 * `@opentelemetry/api`, and an SDK that somebody has set up. Names begin with `headwater.`; docs/observability.md lists
 * them.
 */
export function openTelemetryMetrics(options: OpenTelemetryOptions = {}): () => void {
  const meter = options.meter ?? metrics.getMeter('headwater')
  return measure(({ name: bare, kind, help: description }) => {
    const name = `headwater.${bare.replace(/_(total|seconds)$/, '')}`
    const unit = bare.endsWith('_seconds') ? { unit: 's' } : {}
    switch (kind) {
      case 'counter': {
        const made = meter.createCounter(name, { description })
        return (value, labels) => made.add(value, labels)
      }
      case 'gauge': {
        const made = meter.createGauge(name, { description, ...unit })
        return (value, labels) => made.record(value, labels)
      }
      case 'histogram': {
        const advice = { explicitBucketBoundaries: [...buckets] }
        const made = meter.createHistogram(name, { description, ...unit, advice })
        return (value, labels) => made.record(value, labels)
      }
    }
  })
}
