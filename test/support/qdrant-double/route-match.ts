import { badRequest } from './failure'
import { type Answer, routes } from './routes'

const table = routes.map(([method, path, answer]) => ({ method, parts: path.split('/'), answer }))

/** The route of a request and the decoded open parts of its path. */
export function findRoute(method: string, path: string): { answer: Answer; args: string[] } | undefined {
  const parts = path.split('/')
  for (const route of table) {
    if (route.method !== method || route.parts.length !== parts.length) continue
    if (!route.parts.every((part, at) => part === '*' || part === parts[at])) continue
    return { answer: route.answer, args: parts.filter((_, at) => route.parts[at] === '*').map(decode) }
  }
  return undefined
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch (cause) {
    throw badRequest(`malformed path: ${String(cause)}`)
  }
}
