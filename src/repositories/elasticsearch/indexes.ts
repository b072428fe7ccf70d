import { isDeepStrictEqual } from 'node:util'
import type { ElasticsearchConnection } from '../../connections/elasticsearch/connection'
import type { CallOptions } from '../../core/abort'
import { HeadwaterError, isHeadwaterError } from '../../core/errors'
import { type IndexAlias, type IndexMarker, markerOf } from '../index-marker'
import type { TextIndex } from '../texts'
import { type AnalysisMode, missingAnalyzer, modesOf } from './analysis'
import {
  type IndexMake,
  type IndexSettings,
  indexDefinition,
  indexTemplate,
  makeOf,
  ownAlias,
} from './index-definition'
import { physicalName, publicAlias, writeAlias } from './names'

/** Makes, finds and drops physical indexes. */
export class TextIndexes {
  readonly #connection: ElasticsearchConnection
  readonly #prefix: string
  readonly #settings: IndexSettings
  /** Once a process is enough. */
  #guarded = false
  /** Who finds the words, by index: of a name this never changes. */
  readonly #modes = new Map<string, AnalysisMode>()

  constructor(connection: ElasticsearchConnection, prefix: string, settings: IndexSettings) {
    this.#connection = connection
    this.#prefix = prefix
    this.#settings = settings
  }

  /** Path of the physical index, fit for a URL. */
  path({ name }: TextIndex): string {
    return `/${encodeURIComponent(physicalName(this.#prefix, name))}`
  }

  alias({ name }: TextIndex): string {
    return writeAlias(this.#prefix, name)
  }

  /** A delete makes the index that it names, whatever it requires: a template forbids that, before anything is sent. */
  async guard(call: CallOptions | undefined): Promise<void> {
    if (this.#guarded) return
    const template = `/_index_template/${this.#prefix}-guard`
    const request = { method: 'PUT', path: template, body: indexTemplate(this.#prefix) }
    await this.#connection.request(request, { ...call, idempotent: true })
    this.#guarded = true
  }

  async create(index: TextIndex, call: CallOptions | undefined): Promise<void> {
    const { analysis, synonyms } = this.#settings
    const modes = modesOf(analysis, index.language, synonyms)
    await this.guard(call)
    for (const mode of modes) {
      const body = indexDefinition(index, this.alias(index), this.#settings, mode)
      try {
        await this.#connection.request({ method: 'PUT', path: this.path(index), body }, { ...call, idempotent: true })
        this.#modes.set(index.name, mode)
        return
      } catch (error) {
        if (!isHeadwaterError(error)) throw error
        if (error.details?.['type'] === 'resource_already_exists_exception') return this.#adopt(index, modes, call)
        const lacking = missingAnalyzer(error, index.language)
        if (!lacking || mode === modes.at(-1)) throw lacking ?? error
      }
    }
  }

  /** Who finds the words of this index: as it says itself where that was left to its server. */
  async mode(index: TextIndex, call: CallOptions | undefined): Promise<AnalysisMode> {
    const { analysis } = this.#settings
    if (analysis !== 'auto') return analysis
    const known = this.#modes.get(index.name)
    if (known) return known
    const make = await this.#meta(index, call)
    const found = make && modeOf(make)
    if (found) this.#modes.set(index.name, found)
    return found ?? 'server'
  }

  async drop(index: TextIndex, call: CallOptions | undefined): Promise<void> {
    try {
      await this.#connection.request({ method: 'DELETE', path: this.path(index) }, { ...call, idempotent: true })
    } catch (error) {
      if (!isHeadwaterError(error, 'HW_GENERATION_MISSING')) throw error
    }
  }

  async exists(index: TextIndex, call: CallOptions | undefined): Promise<boolean> {
    return (await this.#meta(index, call)) !== undefined
  }

  /** One that is there already must be what is asked for; its alias is put back if somebody took it. */
  async #adopt(index: TextIndex, modes: readonly AnalysisMode[], call: CallOptions | undefined): Promise<void> {
    const make = await this.#meta(index, call)
    const mode = modes.find((one) => make && one === modeOf(make))
    const wanted = mode && makeOf(index, mode)
    if (!wanted || !isDeepStrictEqual({ ...make, marker: wanted, analysis: mode }, { ...wanted, marker: wanted })) {
      const found = make ? describeMake(make) : 'by somebody else'
      const { language } = index
      throw new HeadwaterError(
        'HW_TOPOLOGY_MISMATCH',
        `The index ${JSON.stringify(index.name)} was made ${found}, not for ${language}, ${modes.join(' or ')} analysis`,
        { path: 'index.language' },
      )
    }
    this.#modes.set(index.name, mode)
    const add = { index: physicalName(this.#prefix, index.name), alias: this.alias(index), ...ownAlias }
    // PUT _alias takes no is_hidden on servers of version 9.
    const request = { method: 'POST', path: '/_aliases', body: { actions: [{ add }] } }
    await this.#connection.request(request, { ...call, idempotent: true })
  }

  /** The marker stands beside how the index was made, which `_meta` must keep: it is written as a whole. */
  async mark(index: TextIndex, marker: IndexMarker, call: CallOptions | undefined): Promise<void> {
    const make = await this.#meta(index, call)
    if (!make) throw missing(index)
    const request = { method: 'PUT', path: `${this.path(index)}/_mapping`, body: { _meta: { ...make, marker } } }
    await this.#connection.request(request, { ...call, idempotent: true })
  }

  async marker(index: TextIndex, call: CallOptions | undefined): Promise<IndexMarker | null> {
    const make = await this.#meta(index, call)
    if (!make) throw missing(index)
    return markerOf(make.marker)
  }

  readonly publicAlias: IndexAlias<TextIndex> = {
    leadsTo: async (alias, index, call) => {
      const holders = await this.#holders(alias, call)
      return holders.length === 1 && holders[0] === physicalName(this.#prefix, index.name)
    },
    set: async (name, index, call) => {
      const alias = publicAlias(this.#prefix, name)
      const physical = physicalName(this.#prefix, index.name)
      const others = (await this.#holders(name, call)).filter((holder) => holder !== physical)
      const actions = [
        ...others.map((holder) => ({ remove: { index: holder, alias, must_exist: true } })),
        { add: { index: physical, alias } },
      ]
      const request = { method: 'POST', path: '/_aliases', body: { actions } }
      const message = `The alias ${alias} was changed by somebody else meanwhile`
      try {
        await this.#connection.request(request, { ...call, idempotent: true })
      } catch (cause) {
        const isTaken = isHeadwaterError(cause) && cause.details?.['type'] === 'aliases_not_found_exception'
        throw isTaken ? new HeadwaterError('HW_CONFLICT', message, { cause, details: { alias } }) : cause
      }
      if (await this.publicAlias.leadsTo(name, index, call)) return
      throw new HeadwaterError('HW_CONFLICT', message, { details: { alias } })
    },
  }

  /** The indexes that an alias leads to. */
  async #holders(name: string, call: CallOptions | undefined): Promise<string[]> {
    const alias = publicAlias(this.#prefix, name)
    const request = { method: 'GET', path: `/${encodeURIComponent(`${this.#prefix}-*`)}/_alias` }
    const answer = (await this.#connection.request(request, { ...call, idempotent: true })) as Record<
      string,
      { aliases?: Record<string, unknown> }
    >
    return Object.keys(answer).filter((index) => answer[index]?.aliases?.[alias] !== undefined)
  }

  async #meta(
    index: TextIndex,
    call: CallOptions | undefined,
  ): Promise<(Partial<IndexMake> & { readonly marker?: unknown }) | undefined> {
    try {
      const request = { method: 'GET', path: `${this.path(index)}/_mapping` }
      const answer = (await this.#connection.request(request, { ...call, idempotent: true })) as Record<
        string,
        { mappings?: { _meta?: Partial<IndexMake> } }
      >
      return Object.values(answer)[0]?.mappings?._meta ?? {}
    } catch (error) {
      if (isHeadwaterError(error, 'HW_GENERATION_MISSING')) return undefined
      throw error
    }
  }
}

function missing({ name }: TextIndex): HeadwaterError {
  return new HeadwaterError('HW_GENERATION_MISSING', `The index ${JSON.stringify(name)} does not exist`, {
    details: { index: name },
  })
}

/** What is called standard was the server's, too. */
function modeOf({ analysis }: Partial<IndexMake>): AnalysisMode | undefined {
  return analysis === 'standard' ? 'server' : analysis
}

function describeMake({ headwater, language, analysis, folding }: Partial<IndexMake>): string {
  const folded = folding === false ? ', without folding' : ''
  return `for ${language}, ${analysis} analysis${folded} (make ${headwater})`
}
