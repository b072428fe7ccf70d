import { parentPort, workerData } from 'node:worker_threads'
import { asHeadwaterError } from '../../core/errors'
import { CountTask } from './count-task'
import { EmbedTask, type LoadedModel } from './embed-task'
import type { FromThread, ThreadFailure, ThreadSetup, ToThread } from './messages'
import { ModelSession } from './model-session'
import { TextTokenizer } from './text-tokenizer'

// The entry of the thread: one model, and one step of one call at a time.

const setup = workerData as ThreadSetup
const port = parentPort!
const waiting: (EmbedTask | CountTask)[] = []
let tokenizer: Promise<TextTokenizer> | undefined
let model: Promise<LoadedModel> | undefined
let running = false
let closing = false

port.on('message', (message: ToThread) => {
  if (message.kind === 'embed') waiting.push(new EmbedTask(message.id, message.texts, message.urgent))
  else if (message.kind === 'count') waiting.push(new CountTask(message.id, message.texts))
  else if (message.kind === 'cancel') drop(message.id)
  else closing = true
  if (!running) void work()
})

async function work(): Promise<void> {
  running = true
  for (;;) {
    const task = waiting.find(({ urgent }) => urgent) ?? waiting[0]
    if (!task) break
    await step(task)
    // The model's run holds this thread: what came meanwhile, a cancellation say, is heard here.
    await new Promise((resolve) => setImmediate(resolve))
  }
  running = false
  if (closing) await end()
}

async function step(task: EmbedTask | CountTask): Promise<void> {
  try {
    if (task instanceof CountTask) {
      const counts = task.step(await loadTokenizer())
      if (!counts) return
      post({ kind: 'counts', id: task.id, counts })
      return drop(task.id)
    }
    model ??= load()
    const vectors = await task.step(await model)
    if (!vectors) return
    const buffers = vectors.map((vector) => vector.buffer as ArrayBuffer)
    post({ kind: 'vectors', id: task.id, vectors }, buffers)
  } catch (error) {
    post({ kind: 'failed', id: task.id, failure: failureOf(error) })
  }
  drop(task.id)
}

async function load(): Promise<LoadedModel> {
  try {
    const { batchTokens } = setup
    return { tokenizer: await loadTokenizer(), session: await ModelSession.load(setup), batchTokens }
  } catch (error) {
    // The next call tries again: the package may be installed, the file mended by then.
    model = undefined
    throw error
  }
}

/** Texts are counted without the model's weights. */
async function loadTokenizer(): Promise<TextTokenizer> {
  const { tokenizerFile, tokenizerConfigFile, maxTokens } = setup
  tokenizer ??= TextTokenizer.load(tokenizerFile, tokenizerConfigFile, maxTokens)
  try {
    return await tokenizer
  } catch (error) {
    tokenizer = undefined
    throw error
  }
}

async function end(): Promise<void> {
  const loaded = await model?.catch(() => undefined)
  await loaded?.session.release()
  port.close()
}

function drop(id: number): void {
  const at = waiting.findIndex((task) => task.id === id)
  if (at >= 0) waiting.splice(at, 1)
}

function post(message: FromThread, transfer: ArrayBuffer[] = []): void {
  port.postMessage(message, transfer)
}

function failureOf(error: unknown): ThreadFailure {
  const { code, message, retryable, details, cause } = asHeadwaterError(error, 'HW_EMBEDDER_FAILED')
  // Only plain errors can be sent whatever they hold.
  const plain = cause instanceof Error ? Object.assign(new Error(cause.message), { stack: cause.stack }) : undefined
  return { code, message, retryable, details, cause: plain }
}
