import type { StoreOptions } from './store-options'

/** `sslmode`s under which pg speaks TLS. */
const encrypted = new Set(['prefer', 'require', 'verify-ca', 'verify-full', 'no-verify'])

/**
 * Servers on other machines that a password is sent to in clear, one line each: who listens on the way reads it. What
 * stands in the way of a pool or client of the user's is his own.
 */
export function clearPasswords({ postgres, redis }: Pick<StoreOptions<object>, 'postgres' | 'redis'>): string[] {
  const found: string[] = []
  const ofPostgres = postgres?.url === undefined || postgres.ssl ? undefined : passwordOf(postgres.url)
  if (ofPostgres && !isEncrypted(ofPostgres)) {
    found.push(clear('postgres.url', ofPostgres, 'add ?sslmode=verify-full, or set postgres.ssl'))
  }
  const ofRedis = redis && redis.url !== undefined ? passwordOf(redis.url) : undefined
  if (ofRedis?.protocol === 'redis:') found.push(clear('redis.url', ofRedis, 'use rediss://'))
  return found
}

function clear(option: string, { host }: URL, remedy: string): string {
  return `${option}: the password goes to ${host} in clear, without TLS; ${remedy}.`
}

/** The URL, where it has a password for another machine. */
function passwordOf(text: string): URL | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const password = url?.password || url?.searchParams.get('password')
  if (!url || !password) return undefined
  const host = url.searchParams.get('host') ?? decodeURIComponent(url.hostname)
  return isHere(host) ? undefined : url
}

function isEncrypted({ searchParams }: URL): boolean {
  return encrypted.has(searchParams.get('sslmode') ?? '') || /^(1|true)$/.test(searchParams.get('ssl') ?? '')
}

/** This machine, or a socket on it. */
function isHere(host: string): boolean {
  return host === '' || host.startsWith('/') || /^(localhost|.*\.localhost|127(\.\d+){3}|\[?::1\]?)$/i.test(host)
}
