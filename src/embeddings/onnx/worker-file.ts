import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'

/** The code of the thread, for `new Worker`. */
export function workerFile(): URL {
  // The CommonJS build knows no `import.meta`.
  const here = import.meta.url ?? pathToFileURL(__filename).href
  if (!here.endsWith('.ts')) return new URL(here.endsWith('.cjs') ? './onnx-worker.cjs' : './onnx-worker.js', here)
  // Over the sources, in tests: Node runs no TypeScript that imports as ours does, so the thread brings a loader.
  const loader = new URL('./esm/api/index.mjs', pathToFileURL(createRequire(here).resolve('tsx'))).href
  const code = `import { register } from ${JSON.stringify(loader)}
register()
await import(${JSON.stringify(new URL('./worker.ts', here).href)})`
  return new URL(`data:text/javascript,${encodeURIComponent(code)}`)
}
