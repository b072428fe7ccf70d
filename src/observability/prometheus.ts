import { Counter, Gauge, Histogram, type Registry, register as standard } from 'prom-client'
import { buckets, measure } from './instruments'

/** Of `prometheusMetrics`. */
export interface PrometheusOptions {
  /** Where the metrics go; prom-client's default registry when left out. */
  registry?: Registry | undefined
  /** Start of every name; `headwater_` by default. */
  prefix?: string | undefined
}

/**
 * Metrics of every store in this process for Prometheus, until the returned function is called, which also takes them
 * out of the registry. Needs the package `prom-client`. docs/observability.md lists them.
 */
export function prometheusMetrics(options: PrometheusOptions = {}): () => void {
  const { registry = standard, prefix = 'headwater_' } = options
  const names: string[] = []
  const stop = measure(({ name: bare, kind, help, labels: labelNames }) => {
    const name = `${prefix}${bare}`
    const common = { name, help, labelNames, registers: [registry] }
    names.push(name)
    switch (kind) {
      case 'counter': {
        const metric = new Counter(common)
        return (value, labels) => metric.inc(labels, value)
      }
      case 'gauge': {
        const metric = new Gauge(common)
        return (value, labels) => metric.set(labels, value)
      }
      case 'histogram': {
        const metric = new Histogram({ ...common, buckets: [...buckets] })
        return (value, labels) => metric.observe(labels, value)
      }
    }
  })
  return () => {
    stop()
    for (const name of names) registry.removeSingleMetric(name)
  }
}
