import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import { HeadwaterError } from '../../core/errors'

/** The code of the thread, for `new Worker`: beside this code, or in the package where this code is in a bundle. */
export function workerFile(): URL {
  // The CommonJS build knows no `import.meta`. Not read by its name: bundlers would take the folder for files of theirs.
  const here: string = Reflect.get(import.meta, 'url') ?? pathToFileURL(__filename).href
  if (here.endsWith('.ts')) return overSources(here)
  for (const name of ['./onnx-worker.js', './onnx-worker.cjs']) {
    const beside = new URL(name, here)
    if (existsSync(beside)) return beside
  }
  try {
    return pathToFileURL(createRequire(here).resolve('headwater/onnx-worker'))
  } catch (cause) {
    throw new HeadwaterError(
      'HW_DRIVER_MISSING',
      `embedder.onnx: no onnx-worker.js beside ${new URL('.', here)}, and no package headwater: build the entry ` +
        '`headwater/onnx-worker` into the folder of the bundle, or keep headwater external',
      { cause, details: { package: 'headwater/onnx-worker' } },
    )
  }
}

/** In tests: Node runs no TypeScript that imports as ours does, so the thread brings a loader. */
function overSources(here: string): URL {
  const loader = new URL('./esm/api/index.mjs', pathToFileURL(createRequire(here).resolve('tsx'))).href
  const code = `import { register } from ${JSON.stringify(loader)}
register()
await import(${JSON.stringify(new URL('./worker.ts', here).href)})`
  return new URL(`data:text/javascript,${encodeURIComponent(code)}`)
}
