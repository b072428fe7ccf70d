import { afterAll, describe, expect, it } from 'vitest'
import { ElasticsearchConnection } from '../../src/connections/elasticsearch/connection'
import { ElasticsearchTextRepository } from '../../src/repositories/elasticsearch/texts'
import { textRepositoryContract } from '../../src/testing/contracts/texts'
import { describeWithElasticsearch } from '../support/elasticsearch'
import { freshPrefix } from '../support/index-prefix'

const runner = { describe, it, expect }

describeWithElasticsearch('texts on Elasticsearch', (url) => {
  const connection = new ElasticsearchConnection({ url })
  afterAll(() => connection.close())
  textRepositoryContract(runner, async () => {
    const { prefix, dispose } = freshPrefix(connection)
    return { texts: new ElasticsearchTextRepository(connection, { prefix, analysis: 'library' }), dispose }
  })
})
