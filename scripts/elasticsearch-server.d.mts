export interface ElasticsearchServer {
  readonly kind: 'elasticsearch'
  readonly home: string
  readonly pidFile: string
  readonly url: string
  /** Home of Java, and the heap's size. */
  readonly java: string
  readonly heap: string
}

export function downloadElasticsearch(cache: string): string
export function startElasticsearch(options: {
  readonly folder: string
  /** Of Java, 1g by default. */
  readonly heap?: string
}): Promise<ElasticsearchServer>
export function restartElasticsearch(server: ElasticsearchServer): Promise<void>
export function isElasticsearchRunning(server: ElasticsearchServer): boolean
export function stopElasticsearch(server: Pick<ElasticsearchServer, 'home' | 'pidFile'>): void
