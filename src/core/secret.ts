import { inspect } from 'node:util'

/** A value that never prints: not in JSON, not in a template, not in `console.log`. Read it with `reveal()`. */
export class Secret {
  readonly #value: string

  constructor(value: string) {
    this.#value = value
  }

  reveal(): string {
    return this.#value
  }

  toString(): string {
    return '[secret]'
  }

  toJSON(): string {
    return '[secret]'
  }

  [inspect.custom](): string {
    return '[secret]'
  }
}

/** User or password of a URL in plain; as it stands where its percent signs mean nothing. */
export function plainPart(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

/** True for a URL whose user or password holds a `#`, `/` or `?` as it is: the host would begin too early. */
export function isTornUrl(url: URL): boolean {
  return url.hash !== '' || (url.username === '' && `${url.pathname}${url.search}`.includes('@'))
}

/** What to do about it. */
export const tornUrl = 'has a #, / or ? in user or password that is not escaped: write %23, %2F or %3F'

/** A URL fit for messages and logs: user, password and query values are masked. */
export function redactUrl(url: string): string {
  try {
    const parsed = new URL(url)
    if (parsed.username) parsed.username = '***'
    if (parsed.password) parsed.password = '***'
    for (const key of [...parsed.searchParams.keys()]) parsed.searchParams.set(key, '***')
    return parsed.toString()
  } catch {
    return '[unreadable url]'
  }
}
