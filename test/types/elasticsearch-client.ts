import type { Client } from '@elastic/elasticsearch'
import type { Client as Client9 } from 'elasticsearch-9'
import type { ElasticsearchClient } from '../../src/connections/elasticsearch/client'
import type { ElasticsearchOptions } from '../../src/connections/elasticsearch/options'

/** Compiled, never run: the real client is what the structural type asks for. */
export const clientFits = (client: Client): ElasticsearchClient => client
export const optionsTakeClient = (client: Client): ElasticsearchOptions => ({ client })

// @ts-expect-error: a transport alone is no client
export const transportIsNoClient = (client: Client): ElasticsearchClient => client.transport

/** The newest major, too. */
export const newestFits = (client: Client9): ElasticsearchClient => client
