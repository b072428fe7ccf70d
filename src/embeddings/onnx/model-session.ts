import type { InferenceSession, Tensor } from 'onnxruntime-node'
import { HeadwaterError } from '../../core/errors'
import { driverMissing } from '../../resilience/driver-missing'
import type { ThreadSetup } from './messages'
import { normalized, pooled } from './pooling'

type Runtime = typeof import('onnxruntime-node')

/** Outputs that hold a vector a token, and those that hold one a sentence, in order of preference. */
const tokenOutputs = ['last_hidden_state', 'token_embeddings']
const sentenceOutputs = ['sentence_embedding', 'sentence_embeddings']
const errorsOnly = 3

/** A model that is loaded: token ids in, vectors out. Lives in the thread. */
export class ModelSession {
  readonly #runtime: Runtime
  readonly #session: InferenceSession
  readonly #setup: ThreadSetup
  readonly #output: string
  readonly #pools: boolean

  private constructor(runtime: Runtime, session: InferenceSession, setup: ThreadSetup) {
    this.#runtime = runtime
    this.#session = session
    this.#setup = setup
    const foreign = session.inputNames.filter((name) => inputs[name] === undefined)
    if (foreign.length > 0) {
      throw refused(setup, `asks for ${foreign.join(', ')}; known are ${Object.keys(inputs).join(', ')}`)
    }
    const output = [...tokenOutputs, ...sentenceOutputs].find((name) => session.outputNames.includes(name))
    if (output === undefined) {
      const known = [...tokenOutputs, ...sentenceOutputs].join(', ')
      throw refused(setup, `gives ${session.outputNames.join(', ')}; one of ${known} is needed`)
    }
    this.#output = output
    this.#pools = tokenOutputs.includes(output)
  }

  /** HW_DRIVER_MISSING without `onnxruntime-node`; HW_EMBEDDER_FAILED for a file that is no model for us. */
  static async load(setup: ThreadSetup): Promise<ModelSession> {
    const runtime = await loadRuntime()
    const session = await runtime.InferenceSession.create(setup.modelFile, {
      intraOpNumThreads: setup.threads,
      interOpNumThreads: 1,
      executionMode: 'sequential',
      logSeverityLevel: errorsOnly,
      // Threads that wait busily would take the cores from the service that we sit in.
      extra: { session: { intra_op: { allow_spinning: '0' } } },
    })
    try {
      return new ModelSession(runtime, session, setup)
    } catch (error) {
      await session.release()
      throw error
    }
  }

  /** Vectors of the rows, in their order. */
  async embed(rows: readonly (readonly number[])[], padId: number): Promise<Float32Array[]> {
    const sequence = Math.max(...rows.map((row) => row.length))
    const shape = [rows.length, sequence]
    const feeds: Record<string, Tensor> = {}
    for (const name of this.#session.inputNames) {
      const data = new BigInt64Array(rows.length * sequence)
      inputs[name]!(data, rows, sequence, BigInt(padId))
      feeds[name] = new this.#runtime.Tensor('int64', data, shape)
    }
    const output = (await this.#session.run(feeds, [this.#output]))[this.#output]!
    return this.#vectors(output, rows)
  }

  release(): Promise<void> {
    return this.#session.release()
  }

  #vectors(output: Tensor, rows: readonly (readonly number[])[]): Float32Array[] {
    const { dimensions, pooling, normalize } = this.#setup
    const { data, dims } = output
    if (!(data instanceof Float32Array)) throw refused(this.#setup, `gives ${output.type}, not float32`)
    if (dims.at(-1) !== dimensions) {
      throw refused(this.#setup, `gives vectors of ${dims.at(-1)}; set onnx.dimensions, which is ${dimensions} now`)
    }
    return rows.map((row, i) => {
      const vector = this.#pools
        ? pooled({ data, sequence: dims[1]!, dimensions }, i, row.length, pooling)
        : data.slice(i * dimensions, (i + 1) * dimensions)
      return normalize ? normalized(vector) : vector
    })
  }
}

type Fill = (data: BigInt64Array, rows: readonly (readonly number[])[], sequence: number, padId: bigint) => void

/** The inputs that a model may ask for; it gets those that it names. */
const inputs: Readonly<Record<string, Fill>> = {
  input_ids(data, rows, sequence, padId) {
    data.fill(padId)
    for (const [i, row] of rows.entries()) {
      for (let k = 0; k < row.length; k++) data[i * sequence + k] = BigInt(row[k]!)
    }
  },
  attention_mask(data, rows, sequence) {
    for (const [i, row] of rows.entries()) data.fill(1n, i * sequence, i * sequence + row.length)
  },
  // One sentence a row: all of it is the first.
  token_type_ids() {},
}

function refused({ modelFile }: ThreadSetup, problem: string): HeadwaterError {
  return new HeadwaterError('HW_EMBEDDER_FAILED', `${modelFile} ${problem}`, { retryable: false })
}

async function loadRuntime(): Promise<Runtime> {
  try {
    // A CommonJS package: what its names are when imported depends on the loader.
    const loaded = await import('onnxruntime-node')
    return (loaded as Runtime & { default?: Runtime }).default ?? loaded
  } catch (error) {
    throw driverMissing('onnxruntime-node', error)
  }
}
