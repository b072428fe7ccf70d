import fc from 'fast-check'

/** What a value of the caller's throws when it is looked at. */
export class Trap extends Error {}

const trap = (): never => {
  throw new Trap('looked at')
}

/** Throws at every question. */
const proxyOfThrows = () =>
  new Proxy(
    {},
    { get: trap, has: trap, ownKeys: trap, getPrototypeOf: trap, getOwnPropertyDescriptor: trap, set: trap },
  )

const cycle = (): unknown => {
  const loop: Record<string, unknown> = { a: [] }
  ;(loop['a'] as unknown[]).push(loop)
  return loop
}

const deep = (levels: number): unknown => {
  let value: unknown = 1
  for (let level = 0; level < levels; level++) value = level % 2 ? [value] : { a: value }
  return value
}

/** A few kilobytes that unfold into more than a process holds. */
const bomb = (): unknown => {
  let value: unknown = ['x'.repeat(100)]
  for (let level = 0; level < 6; level++) value = new Array(100).fill(value)
  return { bomb: value }
}

const revoked = (): unknown => {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}

/** Made anew for each case: some change when they are read. */
export const hostile: Readonly<Record<string, () => unknown>> = {
  null: () => null,
  true: () => true,
  zero: () => 0,
  minus: () => -1,
  half: () => 1.5,
  nan: () => Number.NaN,
  infinity: () => Number.POSITIVE_INFINITY,
  huge: () => 1e308,
  beyond32: () => 2 ** 40,
  bigint: () => 7n,
  symbol: () => Symbol('hostile'),
  empty: () => '',
  digits: () => '5',
  nul: () => 'a\0b',
  lone: () => 'a\ud800',
  control: () => 'a\nb\u0007',
  quote: () => `'"); DROP TABLE documents; --`,
  proto: () => '__proto__',
  long: () => 'x'.repeat(20_000),
  megabytes: () => 'é'.repeat(3_000_000),
  zalgo: () => `a${'\u0301'.repeat(4_000)}`,
  emptyList: () => [],
  listOfNull: () => [null],
  sparse: () => new Array(1e9),
  manyNumbers: () => new Float64Array(2_000_000),
  arrayLike: () => ({ length: 3e8 }),
  emptyObject: () => ({}),
  unknown: () => ({ constructor: 1, toString: 'x', hasOwnProperty: 5 }),
  protoKey: () => JSON.parse('{"__proto__":{"polluted":true},"id":{"$ne":1}}') as unknown,
  toJson: () => ({ toJSON: trap, toString: trap, valueOf: trap, [Symbol.toPrimitive]: trap }),
  getter: () => ({
    get id() {
      return trap()
    },
    get text() {
      return trap()
    },
  }),
  proxy: proxyOfThrows,
  revoked,
  cycle,
  deep: () => deep(20_000),
  bomb,
  date: () => new Date(Number.NaN),
  map: () => new Map([['a', 1]]),
  bytes: () => Buffer.alloc(64, 0xff),
  function: () => () => trap(),
  class: () => class Hostile {},
  regexp: () => /(a+)+$/,
  brokenStream: () => ({ [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(new Trap('next')) }) }),
  oddStream: () => ({ [Symbol.iterator]: () => ({ next: () => 5 }) }),
  aborted: () => AbortSignal.abort(proxyOfThrows()),
}

/** One of them by its name, so that what failed can be told. */
export const hostileName = fc.constantFrom(...Object.keys(hostile))
