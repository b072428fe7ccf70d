export interface ElasticsearchServer {
  readonly kind: 'elasticsearch'
  readonly home: string
  readonly pidFile: string
  readonly url: string
}

export function downloadElasticsearch(cache: string): string
export function startElasticsearch(options: {
  readonly folder: string
  /** Of Java, 1g by default. */
  readonly heap?: string
}): Promise<ElasticsearchServer>
export function isElasticsearchRunning(server: ElasticsearchServer): boolean
export function stopElasticsearch(server: Pick<ElasticsearchServer, 'home' | 'pidFile'>): void
