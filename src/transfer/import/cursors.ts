import { HeadwaterError } from '../../core/errors'
import { sha256 } from '../../core/ids'
import { canonicalJson, isPlainObject, type Json } from '../../core/json'
import type { RegistryRepository } from '../../repositories/registry'
import type { ImportPlan, PlannedPart } from './plan'
import type { ImportSource } from './source'

interface Recorded {
  /** Of the source and the plan: the cursor of another one is worth nothing. */
  readonly stamp: string
  readonly cursor: Json
  /** Rows up to it. */
  readonly read: number
}

/**
 * Where an import of a part is, as a record of the registry: kept until the part is done, so that an import that was
 * killed goes on behind the last rows that were committed.
 */
export class ImportCursor {
  readonly #registry: RegistryRepository
  readonly #name: string
  readonly #stamp: string
  #recorded: Json

  private constructor(registry: RegistryRepository, name: string, stamp: string, recorded: Json) {
    this.#registry = registry
    this.#name = name
    this.#stamp = stamp
    this.#recorded = recorded
  }

  static async open(
    registry: RegistryRepository,
    source: ImportSource,
    plan: ImportPlan,
    part: PlannedPart,
    signal: AbortSignal | undefined,
  ): Promise<ImportCursor> {
    const name = `import:${plan.name}:${part.part}`
    const stamp = sha256(source.kind, await source.stamp(part.part, { signal }), canonicalJson(part as unknown as Json))
    return new ImportCursor(registry, name, stamp, await registry.read(name))
  }

  /** Where to go on; undefined from the beginning. */
  get start(): Pick<Recorded, 'cursor' | 'read'> | undefined {
    const recorded = this.#recorded
    if (!isPlainObject(recorded) || recorded['stamp'] !== this.#stamp) return undefined
    return recorded as unknown as Recorded
  }

  /** HW_CONFLICT where another process runs this import, too. */
  async move(cursor: Json, read: number): Promise<void> {
    await this.#replace({ stamp: this.#stamp, cursor, read })
  }

  /** The next import begins at the beginning. */
  async end(): Promise<void> {
    await this.#replace({})
  }

  async #replace(next: Json): Promise<void> {
    if (!(await this.#registry.replace(this.#name, this.#recorded, next))) {
      const problem = `Another process runs this import, too: ${this.#name} was moved on by it`
      throw new HeadwaterError('HW_CONFLICT', problem, { path: this.#name })
    }
    this.#recorded = next
  }
}
