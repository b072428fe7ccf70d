import { Collection } from './collection'
import { createConfig } from './collection-config'
import { badFormat, notFound, QdrantFailure, wrongInput } from './failure'
import { isObject, type JsonObject } from './json'

/** What the server holds: collections, and aliases of them. */
export class Storage {
  readonly collections = new Map<string, Collection>()
  readonly aliases = new Map<string, string>()

  /** A collection by its name or an alias. */
  find(name: string): Collection {
    const collection = this.collections.get(this.aliases.get(name) ?? name)
    if (!collection) throw missing(name)
    return collection
  }

  has(name: string): boolean {
    return this.collections.has(this.aliases.get(name) ?? name)
  }

  create(name: string, body: JsonObject): void {
    checkName(name)
    const config = createConfig(body)
    if (this.collections.has(name)) throw exists(name)
    if (this.aliases.has(name)) {
      throw wrongInput(`Can't create collection with name ${name}. Alias with the same name already exists`)
    }
    this.collections.set(name, new Collection(name, config))
  }

  /** False if there was none. Its aliases go with it. */
  drop(name: string): boolean {
    for (const [alias, target] of this.aliases) if (target === name) this.aliases.delete(alias)
    return this.collections.delete(name)
  }

  aliasList(of?: string): JsonObject[] {
    return [...this.aliases]
      .filter(([, collection]) => of === undefined || collection === of)
      .map(([alias_name, collection_name]) => ({ alias_name, collection_name }))
  }

  /** One action after the other; what was done before one that fails stays done. */
  changeAliases(body: JsonObject): void {
    if (!Array.isArray(body['actions'])) throw badFormat('missing field `actions`')
    for (const change of body['actions'].map((action) => this.#aliasChange(action))) change()
  }

  #aliasChange(action: unknown): () => void {
    const [[kind, fields] = []] = isObject(action) ? Object.entries(action) : []
    const name = (field: string): string => {
      const value = isObject(fields) ? fields[field] : undefined
      if (typeof value !== 'string') throw badFormat('data did not match any variant of untagged enum AliasOperations')
      return value
    }
    if (kind === 'create_alias') return this.#create(name('alias_name'), name('collection_name'))
    if (kind === 'delete_alias') {
      const alias = name('alias_name')
      return () => void this.aliases.delete(alias)
    }
    if (kind === 'rename_alias') return this.#rename(name('old_alias_name'), name('new_alias_name'))
    throw badFormat('data did not match any variant of untagged enum AliasOperations')
  }

  #create(alias: string, collection: string): () => void {
    return () => {
      if (!this.collections.has(collection)) throw missing(collection)
      if (this.collections.has(alias)) throw exists(alias)
      this.aliases.set(alias, collection)
    }
  }

  #rename(from: string, to: string): () => void {
    return () => {
      const collection = this.aliases.get(from)
      if (collection === undefined) throw notFound(`Alias ${from} does not exists!`)
      if (this.collections.has(to)) throw exists(to)
      this.aliases.delete(from)
      this.aliases.set(to, collection)
    }
  }
}

const missing = (name: string) => notFound(`Collection \`${name}\` doesn't exist!`)
const exists = (name: string) => new QdrantFailure(409, `Wrong input: Collection \`${name}\` already exists!`)

function checkName(name: string): void {
  const refuse = (why: string) =>
    new QdrantFailure(422, `Validation error in path parameters: [collection_name: ${why}]`)
  if (name.length < 1 || name.length > 255) {
    throw refuse(`value "${name}" invalid, must be from 1 to 255 characters`)
  }
  const odd = [...'<>:"/\\|?*\0\u001f'].find((sign) => name.includes(sign))
  if (odd !== undefined) throw refuse(`collection name cannot contain "${odd}" char`)
}
