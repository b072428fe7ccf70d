import { Client as Client8 } from '@elastic/elasticsearch'
import { Client as Client9 } from 'elasticsearch-9'
import { expect, it } from 'vitest'
import { ElasticsearchConnection } from '../../../src/connections/elasticsearch/connection'
import { ElasticsearchTextRepository } from '../../../src/repositories/elasticsearch/texts'
import { acme, textEntry } from '../../../src/testing/contracts/rows'
import { describeWithElasticsearch } from '../../support/elasticsearch'

describeWithElasticsearch('clients of the application', (url) => {
  const options = { node: url, maxRetries: 0 }

  it('the client 8 speaks to servers 8 and 9, the client 9 to servers 9, and else the error says so', async () => {
    const version = (await new ElasticsearchConnection({ url }).health()).serverVersion ?? ''
    for (const [name, client] of [
      ['8', new Client8(options)],
      ['9', new Client9(options)],
    ] as const) {
      const connection = new ElasticsearchConnection({ client })
      const prefix = `hw_client_${name}_${process.pid}_${version.split('.')[0]}`
      const texts = new ElasticsearchTextRepository(connection, { prefix })
      const index = { name: `${prefix}_documents_1`, language: 'english' }
      try {
        if (name === '9' && version.startsWith('8.')) {
          const error = await texts.create(index).catch((caught: unknown) => caught)
          expect(error).toMatchObject({ name: 'HeadwaterError', retryable: false })
          continue
        }
        await texts.create(index)
        await texts.upsert(index, [textEntry('a', 1, 'parental leave')])
        await texts.refresh(index)
        expect(await texts.search(index, { tenant: acme, query: 'leave', limit: 5 })).toMatchObject([{ document: 'a' }])
      } finally {
        await texts.drop(index).catch(() => {})
        await connection.close()
        await client.close()
      }
    }
  })
})
