import { afterAll, describe, expect, it } from 'vitest'
import { ElasticsearchConnection } from '../../src/connections/elasticsearch/connection'
import { ElasticsearchTextRepository } from '../../src/repositories/elasticsearch/texts'
import { wordsContract } from '../../src/testing/contracts/words'
import { describeWithElasticsearch } from '../support/elasticsearch'
import { freshPrefix } from '../support/index-prefix'

describeWithElasticsearch('words of the library on Elasticsearch', (url) => {
  const connection = new ElasticsearchConnection({ url })
  afterAll(() => connection.close())
  wordsContract({ describe, it, expect }, async () => {
    const { prefix, dispose } = freshPrefix(connection)
    return { texts: new ElasticsearchTextRepository(connection, { prefix, analysis: 'library' }), dispose }
  })
})
