import { mkdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { build } from 'tsup'

/**
 * Makes one file of each process of the torture, in a folder below node_modules, where it finds what it imports: they
 * start in a fraction of the time, and all run the same code whatever is edited meanwhile.
 */
export async function bundleActors(folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true })
  const child = (name: string): string => fileURLToPath(new URL(`./children/${name}.ts`, import.meta.url))
  await build({
    entry: { actor: child('actor'), qdrant: child('qdrant') },
    outDir: folder,
    format: 'esm',
    outExtension: () => ({ js: '.js' }),
    target: 'node20',
    platform: 'node',
    config: false,
    dts: false,
    silent: true,
    clean: false,
    removeNodeProtocol: false,
    external: [/^@electric-sql\//],
  })
}
