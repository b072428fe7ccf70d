export interface ElasticsearchServer {
  readonly kind: 'elasticsearch'
  readonly product: 'elasticsearch' | 'opensearch'
  readonly home: string
  readonly pidFile: string
  /** Where to ask, for OpenSearch what translates; and where the server itself listens. */
  readonly url: string
  readonly port: number
  /** Home of Java, and the heap's size. */
  readonly java: string
  readonly heap: string
}

export type Distribution = 'elasticsearch' | 'elasticsearch9' | 'opensearch'

export function downloadElasticsearch(cache: string, distribution?: Distribution): string
export function lackingFor(distribution: Distribution): string | undefined
export function startElasticsearch(options: {
  readonly folder: string
  /** Of Java, 1g by default. */
  readonly heap?: string
  /** `elasticsearch` (8.19) by default. */
  readonly distribution?: Distribution
}): Promise<ElasticsearchServer>
export function restartElasticsearch(server: ElasticsearchServer): Promise<void>
export function isElasticsearchRunning(server: Pick<ElasticsearchServer, 'pidFile'>): boolean
export function stopElasticsearch(server: Pick<ElasticsearchServer, 'home' | 'pidFile'>): void
