import { OnnxEmbedder } from '../../../src/embeddings/onnx/onnx-embedder'

// Embeds and does not close: the process has to end all the same.
const embedder = await OnnxEmbedder.open({ path: process.argv[2] })
const [vector] = await embedder.embed(['once'], { kind: 'query' })
console.log(JSON.stringify({ dimensions: vector!.length }))
