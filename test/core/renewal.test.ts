import { expect, it } from 'vitest'
import { renewEvery } from '../../src/core/renewal'
import { FakeClock } from '../../src/testing/fake-clock'

it('renews once at a time, after a failure too, and not after it was stopped', async () => {
  const clock = new FakeClock(0)
  let begun = 0
  let end: (error?: Error) => void = () => undefined
  const renewal = renewEvery(clock, 100, () => {
    begun++
    return new Promise<void>((resolve, reject) => {
      end = (error) => (error ? reject(error) : resolve())
    })
  })
  await clock.advance(99)
  expect(begun).toBe(0)
  await clock.advance(1_000)
  expect(begun).toBe(1)
  end(new Error('the network'))
  await clock.advance(100)
  expect(begun).toBe(2)
  let stopped = false
  const stopping = renewal.stop().then(() => {
    stopped = true
  })
  await clock.advance(100)
  expect(stopped).toBe(false)
  end()
  await stopping
  await clock.advance(1_000)
  expect(begun).toBe(2)
})
