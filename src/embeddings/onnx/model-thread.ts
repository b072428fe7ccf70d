import { Worker } from 'node:worker_threads'
import { abortError, offAbort, onAbort, throwIfAborted } from '../../core/abort'
import { HeadwaterError } from '../../core/errors'
import type { FromThread, ThreadFailure, ThreadSetup, ToThread } from './messages'
import { workerFile } from './worker-file'

interface Call {
  resolve(answer: Float32Array[] | number[]): void
  reject(error: HeadwaterError): void
}

/**
 * A model in a thread of its own, seen from here. The thread is started by the first call, keeps the process alive only
 * while a call waits for it, and when it dies its calls fail and the next one starts another.
 */
export class ModelThread {
  readonly #setup: ThreadSetup
  readonly #calls = new Map<number, Call>()
  #worker: Worker | undefined
  #lastId = 0
  #closed: Promise<void> | undefined

  constructor(setup: ThreadSetup) {
    this.#setup = setup
  }

  /** Vectors in the order of the texts. The signal ends the wait at once and the work after the current batch. */
  embed(texts: readonly string[], urgent: boolean, signal: AbortSignal | undefined): Promise<Float32Array[]> {
    return this.#call<Float32Array[]>((id) => ({ kind: 'embed', id, texts, urgent }), signal)
  }

  /** Tokens of each text. */
  count(texts: readonly string[], signal: AbortSignal | undefined): Promise<number[]> {
    return this.#call<number[]>((id) => ({ kind: 'count', id, texts }), signal)
  }

  async #call<T extends Float32Array[] | number[]>(
    message: (id: number) => ToThread,
    signal: AbortSignal | undefined,
  ): Promise<T> {
    throwIfAborted(signal)
    if (this.#closed) throw new HeadwaterError('HW_CLOSED', 'The embedder is closed')
    this.#worker ??= this.#start()
    const worker = this.#worker
    const id = ++this.#lastId
    const aborted = (): void => {
      send(worker, { kind: 'cancel', id })
      this.#settle(worker, id)?.reject(abortError(signal!))
    }
    onAbort(signal, aborted)
    try {
      return await new Promise<T>((resolve, reject) => {
        this.#calls.set(id, { resolve: (answer) => resolve(answer as T), reject })
        worker.ref()
        send(worker, message(id))
      })
    } finally {
      offAbort(signal, aborted)
    }
  }

  /** Lets the calls that run end, then the thread. */
  close(): Promise<void> {
    this.#closed ??= this.#end()
    return this.#closed
  }

  async #end(): Promise<void> {
    const worker = this.#worker
    if (!worker) return
    worker.ref()
    const gone = new Promise<void>((resolve) => worker.once('exit', () => resolve()))
    send(worker, { kind: 'close' })
    await gone
  }

  #start(): Worker {
    // Flags of the process are not the thread's: Node refuses some of them there, such as --input-type.
    // Not by `new`: bundlers that see it take every file around for one that may become the thread.
    const options = { workerData: this.#setup, execArgv: [], name: 'headwater-onnx' }
    const worker: Worker = Reflect.construct(Worker, [workerFile(), options])
    worker.unref()
    let cause: unknown
    worker.on('message', (message: FromThread) => {
      const call = this.#settle(worker, message.id)
      if (message.kind === 'vectors') call?.resolve(message.vectors)
      else if (message.kind === 'counts') call?.resolve(message.counts)
      else call?.reject(errorOf(message.failure))
    })
    worker.on('error', (error) => {
      cause = error
    })
    worker.on('exit', (code) => {
      if (this.#worker === worker) this.#worker = undefined
      const why = cause instanceof Error ? cause.message : `exit code ${code}`
      for (const [id, call] of this.#calls) {
        this.#calls.delete(id)
        call.reject(new HeadwaterError('HW_EMBEDDER_FAILED', `The thread of the model ended: ${why}`, { cause }))
      }
    })
    return worker
  }

  /** Takes the call out; undefined when it was aborted before. */
  #settle(worker: Worker, id: number): Call | undefined {
    const call = this.#calls.get(id)
    this.#calls.delete(id)
    // While closing, the wait for its end keeps the process alive.
    if (this.#calls.size === 0 && !this.#closed) worker.unref()
    return call
  }
}

function send(worker: Worker, message: ToThread): void {
  worker.postMessage(message)
}

function errorOf({ code, message, retryable, details, cause }: ThreadFailure): HeadwaterError {
  return new HeadwaterError(code, message, { retryable, details, cause })
}
