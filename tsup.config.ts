import { defineConfig, type Options } from 'tsup'

/**
 * In CommonJS a package that is loaded on first use is required then: Jest and bundlers of CommonJS know no `import()`
 * there. The build keeps `import()`, which this writes anew.
 */
const lazyRequire: NonNullable<Options['plugins']>[number] = {
  name: 'lazy-require',
  renderChunk(code, { path }) {
    if (this.format !== 'cjs' || !/\.cjs$/.test(path)) return undefined
    const lazy = code.replace(/\bimport\((['"])([^'"]+)\1\)/g, '__lazy(require($1$2$1))')
    if (lazy === code) return undefined
    // What `import()` of CommonJS gives: the names, and all of it as the default.
    const wrap = 'const __lazy = (exports) => exports.__esModule ? exports : { ...exports, default: exports };\n'
    return { code: `${lazy}\n${wrap}` }
  },
}

const library = {
  index: 'index.ts',
  testing: 'src/testing/index.ts',
  migrations: 'src/migrations/index.ts',
  backup: 'src/store/backup/index.ts',
  transfer: 'src/store/transfer/index.ts',
  entities: 'src/entities/included/index.ts',
  prometheus: 'src/observability/prometheus.ts',
  opentelemetry: 'src/observability/opentelemetry.ts',
}

// Entries are those of the exports map in package.json, the command, and the thread of a model. Shared chunks keep one
// copy of each class.
export default defineConfig({
  entry: { ...library, cli: 'src/cli/main.ts', 'onnx-worker': 'src/embeddings/onnx/worker.ts' },
  format: ['esm', 'cjs'],
  // Whoever imports one entry alone still has the names of the main one: the compiler finds in its own program alone where
  // a type can be imported from, when it writes declarations.
  dts: process.env['HW_BUILD_TYPES'] === 'off' ? false : { entry: library, footer: "import type {} from 'headwater'" },
  target: 'node20',
  platform: 'node',
  removeNodeProtocol: false,
  splitting: true,
  treeshake: true,
  sourcemap: true,
  clean: true,
  plugins: [lazyRequire],
  // ESM only and tiny: bundled so that `require('headwater')` needs no loader flags.
  noExternal: ['stemmer'],
})
