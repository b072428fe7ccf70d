/**
 * A model, and another one that answers while the first is away. Set OPENAI_API_KEY for OpenAI's, or put a sentence
 * model in ONNX into HEADWATER_MODEL_DIR/all-MiniLM-L6-v2 (`npm install onnxruntime-node @huggingface/tokenizers`);
 * without either it is the hashing embedder, which finds words only.
 */
import path from 'node:path'
import { type EmbedderOption, openStore } from 'headwater'

const { OPENAI_API_KEY: apiKey, HEADWATER_MODEL_DIR: models } = process.env
const embedder: EmbedderOption = apiKey
  ? { openai: { apiKey } }
  : models
    ? { onnx: { path: path.join(models, 'all-MiniLM-L6-v2') } }
    : { hashing: {} }

const store = await openStore({
  embedded: { path: ':memory:' },
  embedders: { main: embedder, small: { hashing: { dimensions: 128 } } },
  embedder: 'main',
  fallback: 'small',
})
try {
  // Once: the fallback's vectors get an index of their own, which the relay keeps in step from then on.
  await store.rebuild({ target: 'vector', embedder: 'small', as: 'standby' })

  const acme = store.forTenant('acme')
  await acme.documents.put({ id: 'leave', text: 'Parental leave is sixteen weeks.' })
  const receipt = await acme.documents.put({ id: 'boiler', text: 'The boiler is serviced every spring.' })
  const { hits, degraded } = await acme.search({ query: 'weeks of leave for parents' }, { after: receipt })
  console.log('found', hits[0]?.documentId, degraded.length === 0 ? 'by both legs' : degraded)
  for (const { name, fingerprint } of await store.availableModels()) console.log(name, fingerprint)
} finally {
  await store.close()
}
