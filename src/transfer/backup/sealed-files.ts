import type { CallOptions } from '../../core/abort'
import { HeadwaterError, isHeadwaterError } from '../../core/errors'
import { driverMissing } from '../../resilience/driver-missing'
import type { BackupFile, BackupFiles } from './files'
import { isSealed, type PlaceKeys } from './place-keys'
import { damaged } from './refusals'

/** A place whose files that end with `.age` are encrypted on their way there, and decrypted on their way back. */
export class SealedFiles implements BackupFiles {
  readonly shown: string
  readonly keys: PlaceKeys
  readonly #files: BackupFiles
  readonly #path: string

  /** `path` is that of the place's options, for errors. */
  constructor(files: BackupFiles, keys: PlaceKeys, path: string) {
    this.shown = files.shown
    this.keys = keys
    this.#files = files
    this.#path = path
  }

  put(name: string, source: Uint8Array | AsyncIterable<Uint8Array>, call?: CallOptions): Promise<number> {
    return this.#files.put(name, isSealed(name) ? this.#encrypted(source) : source, call)
  }

  async *read(name: string, call?: CallOptions): AsyncGenerator<Uint8Array> {
    const stored = this.#files.read(name, call)
    if (isSealed(name)) yield* this.#decrypted(name, stored)
    else yield* stored
  }

  stat(name: string, call?: CallOptions): Promise<BackupFile | null> {
    return this.#files.stat(name, call)
  }

  list(prefix: string, call?: CallOptions): AsyncIterable<BackupFile> {
    return this.#files.list(prefix, call)
  }

  remove(name: string, call?: CallOptions): Promise<void> {
    return this.#files.remove(name, call)
  }

  close(): Promise<void> {
    return this.#files.close()
  }

  async *#encrypted(source: Uint8Array | AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    const { Encrypter } = await loadAge()
    const encrypter = new Encrypter()
    for (const [at, recipient] of (this.keys.recipients ?? []).entries()) {
      this.#add(`recipients[${at}]`, 'is no recipient of age', () => encrypter.addRecipient(recipient))
    }
    if (source instanceof Uint8Array) yield await encrypter.encrypt(source)
    else yield* await encrypter.encrypt(ReadableStream.from(source) as ReadableStream<Uint8Array>)
  }

  async *#decrypted(name: string, stored: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    const { identities = [] } = this.keys
    if (identities.length === 0) throw this.#locked(`${name} is encrypted, and no identity is given`)
    const { Decrypter } = await loadAge()
    const decrypter = new Decrypter()
    for (const [at, identity] of identities.entries()) {
      this.#add(`identities[${at}]`, 'is no identity of age', () => decrypter.addIdentity(identity))
    }
    const unwrapFileKey = (): never => {
      throw this.#locked(`${name} is encrypted to others than the identities that are given`)
    }
    // Asked when none of the others fits.
    decrypter.addIdentity({ unwrapFileKey })
    try {
      yield* await decrypter.decrypt(ReadableStream.from(stored) as ReadableStream<Uint8Array>)
    } catch (error) {
      if (isHeadwaterError(error)) throw error
      throw damaged(`${name} cannot be decrypted`, { file: name }, error)
    }
  }

  /** The key is in no message. */
  #add(key: string, problem: string, add: () => void): void {
    try {
      add()
    } catch {
      const path = `${this.#path}.${key}`
      throw new HeadwaterError('HW_INVALID_OPTIONS', `${path}: ${problem}`, { path })
    }
  }

  #locked(message: string): HeadwaterError {
    return new HeadwaterError('HW_UNAUTHORIZED', message, { path: `${this.#path}.identities` })
  }
}

async function loadAge() {
  try {
    return await import('age-encryption')
  } catch (error) {
    throw driverMissing('age-encryption', error)
  }
}
