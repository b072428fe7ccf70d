/**
 * Brings the calls of several searches together in one: it is made when every search has either called or left. Each
 * calls once; whatever it needs later it asks for itself.
 */
export class Rendezvous<Q, A> {
  readonly #run: (queries: readonly Q[]) => Promise<readonly A[]>
  readonly #waiting: { query: Q; resolve: (answer: A) => void; reject: (error: unknown) => void }[] = []
  #expected: number

  constructor(participants: number, run: (queries: readonly Q[]) => Promise<readonly A[]>) {
    this.#expected = participants
    this.#run = run
  }

  call(query: Q): Promise<A> {
    return new Promise<A>((resolve, reject) => {
      this.#waiting.push({ query, resolve, reject })
      this.#arrived()
    })
  }

  leave(): void {
    this.#arrived()
  }

  #arrived(): void {
    this.#expected--
    if (this.#expected > 0 || this.#waiting.length === 0) return
    const waiting = this.#waiting.splice(0)
    this.#run(waiting.map(({ query }) => query)).then(
      (answers) => {
        for (const [at, { resolve }] of waiting.entries()) resolve(answers[at]!)
      },
      (error: unknown) => {
        for (const { reject } of waiting) reject(error)
      },
    )
  }
}
