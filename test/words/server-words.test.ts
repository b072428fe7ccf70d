import { afterAll, describe, expect, it } from 'vitest'
import { ElasticsearchConnection } from '../../src/connections/elasticsearch/connection'
import { ElasticsearchTextRepository } from '../../src/repositories/elasticsearch/texts'
import { wordsContract } from '../../src/testing/contracts/words'
import { describeWithAnalyzers } from '../support/analyzers'
import { freshPrefix } from '../support/index-prefix'

/** What the chains of a server read otherwise than the library; docs/search.md says so too. */
const except: Readonly<Record<string, string>> = {}

describeWithAnalyzers('words by the analyzers of a server', (url) => {
  const connection = new ElasticsearchConnection({ url })
  afterAll(() => connection.close())
  wordsContract(
    { describe, it, expect },
    async () => {
      const { prefix, dispose } = freshPrefix(connection)
      return { texts: new ElasticsearchTextRepository(connection, { prefix, analysis: 'server' }), dispose }
    },
    except,
  )
})
