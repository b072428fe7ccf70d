import { readFile } from 'node:fs/promises'
import { driverMissing } from '../../resilience/driver-missing'

/** What we use of `@huggingface/tokenizers`. */
interface Encoder {
  encode(text: string, options?: { add_special_tokens?: boolean }): { ids: number[] }
}

/** More characters than this a token are read only if the text turns out to need them. */
const charactersPerToken = 16
/** A cut in the middle of a word spoils the last few tokens before it; they have to lie beyond the limit. */
const spoiled = 32

/** Turns texts into token ids as the model was trained on, special tokens included, at most `maxTokens`. */
export class TextTokenizer {
  /** What fills the shorter rows of a batch; masked, so any id would do. */
  readonly padId: number
  readonly #encoder: Encoder
  readonly #maxTokens: number
  /** Special tokens behind a text, which a shortened one ends with too. */
  readonly #suffix: readonly number[]

  constructor(encoder: Encoder, maxTokens: number, padId: number) {
    this.#encoder = encoder
    this.#maxTokens = maxTokens
    this.padId = padId
    const bare = encoder.encode('a', { add_special_tokens: false }).ids
    const whole = encoder.encode('a').ids
    const at = bare.length === 0 ? -1 : whole.indexOf(bare[0]!)
    this.#suffix = at < 0 ? [] : whole.slice(at + bare.length)
  }

  /** From `tokenizer.json`; HW_DRIVER_MISSING without `@huggingface/tokenizers`. */
  static async load(file: string, configFile: string | undefined, maxTokens: number): Promise<TextTokenizer> {
    const { Tokenizer } = await load()
    const json = await readJson(file)
    const config = configFile === undefined ? {} : await readJson(configFile)
    const padding = json['padding'] as { pad_id?: number } | null | undefined
    // Files carry the padding and truncation of whoever saved them; both are done here.
    const encoder: Encoder = new Tokenizer({ ...json, padding: null, truncation: null }, config)
    return new TextTokenizer(encoder, maxTokens, padding?.pad_id ?? 0)
  }

  encode(text: string): number[] {
    const ids = this.#idsOf(text)
    if (ids.length <= this.#maxTokens) return ids.length > 0 ? ids : [this.padId]
    const kept = Math.max(0, this.#maxTokens - this.#suffix.length)
    return [...ids.slice(0, kept), ...this.#suffix]
  }

  /** Tokens of the whole text up to `maxTokens`, special ones included; some larger number where there are more. */
  count(text: string): number {
    return this.#idsOf(text).length
  }

  /** Reads no more of a long text than is needed to fill `maxTokens`: a 10 MiB text would take seconds. */
  #idsOf(text: string): number[] {
    for (let length = this.#maxTokens * charactersPerToken; length < text.length; length *= 4) {
      const ids = this.#encoder.encode(text.slice(0, wholeCharacters(text, length))).ids
      if (ids.length > this.#maxTokens + spoiled) return ids
    }
    return this.#encoder.encode(text).ids
  }
}

/** Not between the halves of a surrogate pair. */
function wholeCharacters(text: string, length: number): number {
  const last = text.charCodeAt(length - 1)
  return last >= 0xd800 && last <= 0xdbff ? length - 1 : length
}

async function readJson(file: string): Promise<Record<string, unknown>> {
  return JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>
}

async function load() {
  try {
    return await import('@huggingface/tokenizers')
  } catch (error) {
    throw driverMissing('@huggingface/tokenizers', error)
  }
}
