import { writeSync } from 'node:fs'
import { Client } from '@elastic/elasticsearch'
import { openStore } from '../../../index'

/** Opens a store and stands still, until it is killed, once its first index on Elasticsearch is there. */
const [stores, url] = process.argv.slice(2) as [string, string]

const client = new Client({ node: url })
const request = client.transport.request.bind(client.transport)
client.transport.request = async (...[params, options]: Parameters<typeof request>) => {
  const answer = await request(params, options as { meta: true })
  if (params.method === 'PUT' && !params.path.startsWith('/_')) {
    writeSync(1, `${JSON.stringify({ made: params.path })}\n`)
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
  }
  return answer
}
await openStore({ ...JSON.parse(stores), elasticsearch: { client } })
