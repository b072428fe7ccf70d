import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { type Authority, makeAuthority } from '../support/authority'
import { TlsFront } from '../support/tls-front'
import { type AnyConnection, type ClientOptions, describeClients } from './clients'
import { leftovers, noneLeft } from './leftovers'

describeClients('certificates', (client) => {
  const open: AnyConnection[] = []
  let ours: Authority
  let others: Authority
  let plain: TlsFront
  let mutual: TlsFront
  beforeAll(async () => {
    ours = await makeAuthority('ours')
    others = await makeAuthority('others')
    plain = await TlsFront.before(client.url(), ours)
    mutual = await TlsFront.before(client.url(), ours, ours)
  })
  afterEach(() => Promise.all(open.splice(0).map((connection) => connection.destroy())))
  afterAll(() => Promise.all([plain.close(), mutual.close()]))
  const to = (front: TlsFront, tls?: ClientOptions['tls']): AnyConnection => {
    const connection = client.open({ url: front.url, retry: { maxAttempts: 1 }, timeoutMs: 3_000, ...(tls && { tls }) })
    open.push(connection)
    return connection
  }

  it('of an authority that is trusted are taken; of another, refused for good unless told', async () => {
    await to(plain, { ca: ours.ca }).read()
    for (const tls of [{ ca: others.ca }, {}]) {
      const before = leftovers()
      const connection = to(plain, tls)
      await expect(connection.read()).rejects.toMatchObject({ code: 'HW_UNAVAILABLE', retryable: false })
      expect(await connection.health()).toMatchObject({ status: 'down', error: { code: 'HW_UNAVAILABLE' } })
      await connection.close()
      await noneLeft(before, () => 0)
    }
    await to(plain, { verify: false }).read()
  })

  it('are shown by the client where the server asks for one', async () => {
    const trusted = { ca: ours.ca }
    await to(mutual, { ...trusted, ...ours.client }).read()
    for (const tls of [trusted, { ...trusted, ...others.client }]) {
      const connection = to(mutual, tls)
      const error: unknown = await connection.read().catch((caught: unknown) => caught)
      expect(error).toMatchObject({ code: 'HW_UNAVAILABLE', cause: expect.anything() })
      expect(String(error)).not.toContain('PRIVATE KEY')
    }
  })
})
