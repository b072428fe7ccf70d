import { HeadwaterError } from '../../core/errors'

/** One user of the truth that can die: everything it waits for then rejects with HW_CLOSED at once. */
export class Process {
  readonly #name: string
  readonly #waits = new Set<(error: HeadwaterError) => void>()
  #dead = false

  constructor(name: string) {
    this.#name = name
  }

  check(): void {
    if (this.#dead) throw this.#error()
  }

  crash(): void {
    this.#dead = true
    for (const reject of this.#waits) reject(this.#error())
    this.#waits.clear()
  }

  /** Settles as `work` does unless the process dies first; what arrives after that is handed to `late`. */
  guard<T>(work: Promise<T>, late?: (value: T) => void): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      let over = this.#dead
      const died = (error: HeadwaterError): void => {
        over = true
        reject(error)
      }
      if (over) reject(this.#error())
      else this.#waits.add(died)
      work.then(
        (value) => {
          this.#waits.delete(died)
          if (over) late?.(value)
          else resolve(value)
        },
        (error: unknown) => {
          this.#waits.delete(died)
          if (!over) reject(error)
        },
      )
    })
  }

  #error(): HeadwaterError {
    return new HeadwaterError('HW_CLOSED', `The process ${JSON.stringify(this.#name)} has crashed`)
  }
}
