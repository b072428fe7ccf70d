import type { Target } from '../../src/repositories/generations'
import { again } from '../support/elasticsearch'
import { describeFullProfile } from '../support/full-profile'
import { cutKillSuite, killable, killSuite } from './rebuild-kills-suite'

describeFullProfile('a rebuild that is killed, on Qdrant and Elasticsearch', (profile) => {
  const aliases = async (target: Target): Promise<string[]> => {
    if (target === 'vector') {
      const { result } = await getJson(`${profile.qdrantUrl()}/aliases`)
      return result.aliases.map((alias: { collection_name: string }) => alias.collection_name)
    }
    const { rows } = await profile
      .database()
      .admin(`SELECT value #>> '{}' AS value FROM headwater.registry WHERE name = 'installation'`)
    const found = await getJson(`${profile.elasticsearchUrl}/_alias/headwater_${rows[0]!.value}*documents`)
    return Object.keys(found)
  }
  // The vectors of a second Elasticsearch are those of the first.
  const targets: readonly Target[] = again ? ['text'] : ['vector', 'text']
  killSuite(targets, () => ({ ...profile.options(), ...killable }), profile.database, aliases)
})

describeFullProfile('a rebuild with another splitter that is killed, on Qdrant and Elasticsearch', (profile) => {
  cutKillSuite(() => ({ ...profile.options(), ...killable }))
})

// biome-ignore lint/suspicious/noExplicitAny: answers of servers, read by this test only
async function getJson(url: string): Promise<any> {
  const response = await fetch(url)
  if (!response.ok) throw new Error(`${url}: ${response.status}`)
  return response.json()
}
