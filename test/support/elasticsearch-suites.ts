import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const tests = fileURLToPath(new URL('..', import.meta.url))
const needed = path.join(tests, 'support', 'elasticsearch.ts')

/** Every test file that reaches a real Elasticsearch, by what it imports: those run on each version of it. */
export function elasticsearchSuites(): string[] {
  const reaches = new Map<string, boolean>()
  const reach = (file: string): boolean => {
    const known = reaches.get(file)
    if (known !== undefined) return known
    // A circle ends here.
    reaches.set(file, false)
    const found = file === needed || importsOf(file).some(reach)
    reaches.set(file, found)
    return found
  }
  const files = readdirSync(tests, { recursive: true, encoding: 'utf8' })
  return files
    .filter((file) => file.endsWith('.test.ts'))
    .map((file) => path.join(tests, file))
    .filter(reach)
}

function importsOf(file: string): string[] {
  const found = readFileSync(file, 'utf8').matchAll(/from '(\.[^']*)'/g)
  return [...found].flatMap(([, name]) => {
    const target = `${path.resolve(path.dirname(file), name!)}.ts`
    return target.startsWith(tests) && existsSync(target) ? [target] : []
  })
}
