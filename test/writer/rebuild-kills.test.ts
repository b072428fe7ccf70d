import { describeWithPgvector, pgvectorUrl, useDatabase } from '../support/postgres'
import { cutKillSuite, killable, killSuite } from './rebuild-kills-suite'

describeWithPgvector('a rebuild that is killed, on Postgres alone', () => {
  const database = useDatabase(() => pgvectorUrl()!)
  killSuite(['vector'], () => ({ postgres: { url: database().url }, ...killable }), database)
})

describeWithPgvector('a rebuild with another splitter that is killed, on Postgres alone', () => {
  const database = useDatabase(() => pgvectorUrl()!)
  cutKillSuite(() => ({ postgres: { url: database().url }, ...killable }))
})
