/** The few matchers that the contract suites use; vitest's, jest's and the `expect` package's all fit. */
export interface Matchers {
  toBe(expected: unknown): unknown
  toEqual(expected: unknown): unknown
  toBeCloseTo(expected: number, digits?: number): unknown
  toBeGreaterThan(expected: number): unknown
  toBeGreaterThanOrEqual(expected: number): unknown
  toBeLessThan(expected: number): unknown
}

/**
 * A test runner as the contract suites see it: pass vitest's or jest's functions as they are, or `describe` and `it`
 * of node:test with the `expect` package.
 */
export interface TestRunner {
  describe(name: string, body: () => void): unknown
  it(name: string, body: () => Promise<void>): unknown
  expect(actual: unknown): Matchers
}

/** What a suite's `make` gives: the repositories under test, empty, and how to let go of them. */
export interface Fixture {
  dispose(): Promise<void>
}

/** Declares a test that gets a fixture of its own, disposed of whatever happens. */
export type FixtureTest<F> = (name: string, body: (fixture: F) => Promise<void>) => void

export function fixtureTest<F extends Fixture>(runner: TestRunner, make: () => Promise<F>): FixtureTest<F> {
  return (name, body) => {
    runner.it(name, async () => {
      const fixture = await make()
      try {
        await body(fixture)
      } finally {
        await fixture.dispose()
      }
    })
  }
}

/** What a promise rejects with, as a code that can be compared; `resolved` if it does not reject. */
export async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work
    return 'resolved'
  } catch (error) {
    return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : String(error)
  }
}
