import { writeSync } from 'node:fs'
import { startQdrantDouble } from '../../support/qdrant-double'

/** The double of Qdrant as a process of its own: what it holds outlives a pause. It ends when its input does. */
const { url } = await startQdrantDouble()
writeSync(1, `${JSON.stringify({ url })}\n`)
process.stdin.on('end', () => process.exit(0)).resume()
