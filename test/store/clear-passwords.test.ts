import { describe, expect, it } from 'vitest'
import { clearPasswords } from '../../src/store/clear-passwords'

describe('passwords in clear', () => {
  it.each([
    'postgres://u:secret@db.example.com/app',
    'postgres://u:secret@10.0.0.7:5432/app?sslmode=disable',
    'postgresql://u@db/app?password=secret',
  ])('%s is told of, without the password', (url) => {
    const [notice, ...more] = clearPasswords({ postgres: { url } })
    expect(notice).toMatch(/postgres\.url.*in clear/)
    expect(notice).not.toContain('secret')
    expect(more).toEqual([])
  })

  it.each([
    'postgres://u:secret@localhost/app',
    'postgres://u:secret@127.0.0.1:5433/app',
    'postgres://u:secret@[::1]/app',
    'postgres://u:secret@/app?host=/var/run/postgresql',
    'postgres://u@db.example.com/app',
    'postgres://u:secret@db.example.com/app?sslmode=verify-full',
    'postgres://u:secret@db.example.com/app?ssl=true',
  ])('%s is fine', (url) => {
    expect(clearPasswords({ postgres: { url } })).toEqual([])
  })

  it('Redis, and TLS by options', () => {
    expect(clearPasswords({ redis: { url: 'redis://:secret@cache.example.com' } })[0]).toMatch(/redis\.url.*rediss:/)
    expect(clearPasswords({ redis: { url: 'rediss://:secret@cache.example.com' } })).toEqual([])
    expect(clearPasswords({ redis: { url: 'redis://cache.example.com' } })).toEqual([])
    expect(clearPasswords({ redis: { url: 'redis://:secret@localhost' } })).toEqual([])
    expect(clearPasswords({ postgres: { url: 'postgres://u:secret@db.example.com/app', ssl: true } })).toEqual([])
  })
})
