import { describe, expect, it } from 'vitest'
import { again, elasticsearchUrl } from '../support/elasticsearch'
import { lacking, type Profile } from './servers'
import { torture } from './torture'

/** On a second Elasticsearch as many as it takes to come by each kind of kill. */
const rounds = again ? 16 : 30
/** Both where they can be had; an Elasticsearch of its own would take longer to start than all rounds take. */
const possible: readonly Profile[] = [
  ...(elasticsearchUrl && !lacking('full', elasticsearchUrl) ? (['full'] as const) : []),
  ...(lacking('single', undefined) ? [] : (['single'] as const)),
]
const [profile] = possible

if (!profile) console.warn(`SKIPPED torture: ${lacking('single', undefined)}`)

describe.skipIf(!profile)('real fire', () => {
  it(`${rounds} rounds of killed processes and stopped servers lose, leak and leave nothing (${profile} profile)`, {
    timeout: 600_000,
  }, async () => {
    const seed = Number(process.env['HW_TORTURE_SEED'] ?? process.pid)
    const lines: string[] = []
    const log = (line: string): void => void lines.push(line)
    const report = await torture({ rounds, seed, profile: profile!, elasticsearchUrl, checkEvery: 15, log })
    if (report.violations.length > 0) console.error(lines.join('\n'))
    console.log(JSON.stringify({ ...report, violations: report.violations.length }))
    expect(report.violations).toEqual([])
    expect(report.rounds).toBe(rounds)
    expect(report.acknowledged).toBeGreaterThan(50)
    expect(report.hits).toBeGreaterThan(50)
    const { kills } = report
    const commits = kills['before-commit'] + kills['at-commit']
    expect(Math.min(commits, kills.claimed + kills['after-commit'], kills.apply)).toBeGreaterThan(0)
  })
})
