import { defineConfig } from 'tsup'

const library = {
  index: 'index.ts',
  testing: 'src/testing/index.ts',
  migrations: 'src/migrations/index.ts',
  prometheus: 'src/observability/prometheus.ts',
  opentelemetry: 'src/observability/opentelemetry.ts',
}

// Entries are those of the exports map in package.json, the command, and the thread of a model. Shared chunks keep one
// copy of each class.
export default defineConfig({
  entry: { ...library, cli: 'src/cli/main.ts', 'onnx-worker': 'src/embeddings/onnx/worker.ts' },
  format: ['esm', 'cjs'],
  dts: process.env['HW_BUILD_TYPES'] === 'off' ? false : { entry: library },
  target: 'node20',
  platform: 'node',
  removeNodeProtocol: false,
  splitting: true,
  treeshake: true,
  sourcemap: true,
  clean: true,
  // tsup leaves dependencies and peers alone, but would bundle what is optional.
  external: [/^@electric-sql\//],
  // ESM only and tiny: bundled so that `require('headwater')` needs no loader flags.
  noExternal: ['stemmer'],
})
