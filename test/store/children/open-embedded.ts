import { writeSync } from 'node:fs'
import { isHeadwaterError, openStore } from '../../../index'

/** Opens the folder and keeps it until it is told to go by the end of its process; or says why it could not. */
const [folder] = process.argv.slice(2) as [string]
try {
  await openStore({ embedded: { path: folder }, embedder: { hashing: {} } })
  writeSync(1, '{"opened":true}\n')
} catch (error) {
  writeSync(1, `${JSON.stringify(isHeadwaterError(error) ? error : { message: String(error) })}\n`)
  process.exit(1)
}
