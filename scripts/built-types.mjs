// The declarations of the build, for scripts that compile against them.
import fs from 'node:fs'
import path from 'node:path'
import ts from 'typescript'
import { root } from './setup.mjs'

const { exports } = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8'))
const entries = Object.entries(exports).filter(([, entry]) => entry.import?.types)

/** Entries with declarations by their file's name, `index` the first. */
export const declared = entries.map(([, entry]) => path.basename(entry.import.types, '.d.ts'))

/** As in tsconfig.json: under these `headwater` is what the build declares. */
export const builtOptions = {
  target: 'es2022',
  lib: ['es2023', 'esnext.disposable', 'esnext.asynciterable'],
  module: 'esnext',
  moduleResolution: 'bundler',
  strict: true,
  noUncheckedIndexedAccess: true,
  skipLibCheck: true,
  noEmit: true,
  types: ['node'],
  typeRoots: [path.join(root, 'node_modules/@types')],
  paths: Object.fromEntries(
    entries.map(([name, entry]) => [path.posix.join('headwater', name), [path.join(root, entry.import.types)]]),
  ),
}

/** The same as the compiler's API takes them. */
export const compilerOptions = () => ts.convertCompilerOptionsFromJson(builtOptions, root).options

/** What the entries export, each as its declarations say. */
function exported(names) {
  const files = names.map((name) => path.join(root, 'dist', `${name}.d.ts`))
  const program = ts.createProgram(files, compilerOptions())
  const checker = program.getTypeChecker()
  return files
    .flatMap((file) => checker.getExportsOfModule(checker.getSymbolAtLocation(program.getSourceFile(file))))
    .map((symbol) =>
      symbol.flags & ts.SymbolFlags.Alias
        ? { name: symbol.name, target: checker.getAliasedSymbol(symbol) }
        : { name: symbol.name, target: symbol },
    )
}

/** Names that `headwater` itself exports. */
export const publicNames = () => exported(['index']).map(({ name }) => name)

/** Names of types and functions with parameters of types, from all entries. */
export function publicGenerics() {
  const generic = exported(declared).filter(({ target }) =>
    target.declarations?.some((one) => one.typeParameters?.length),
  )
  return [...new Set(generic.map(({ name }) => name))].sort()
}
