// A sentence model: its thread has a file of its own, beside the bundle.
import assert from 'node:assert/strict'
import { OnnxEmbedder } from 'headwater'

const embedder = await OnnxEmbedder.open({ path: process.env.HW_MODEL })
const [vector] = await embedder.embed(['Parental leave'], { kind: 'query' })
assert.equal(vector?.length, 384)
await embedder.close()
console.log('onnx: ok')
