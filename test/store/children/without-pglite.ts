import { writeSync } from 'node:fs'
import { register } from 'node:module'

// As after `npm install headwater` alone: the packages cannot be found.
const hook = `export async function resolve(specifier, context, next) {
  if (!specifier.startsWith('@electric-sql/')) return next(specifier, context)
  throw Object.assign(new Error('Cannot find package ' + specifier), { code: 'ERR_MODULE_NOT_FOUND' })
}`
register(`data:text/javascript,${encodeURIComponent(hook)}`)

const { openStore } = await import('../../../index')
await openStore({ embedded: { path: ':memory:' } }).catch((error: unknown) => {
  writeSync(1, `${JSON.stringify(error)}\n`)
})
