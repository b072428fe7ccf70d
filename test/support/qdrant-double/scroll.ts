import type { Collection } from './collection'
import { badRequest } from './failure'
import type { JsonObject } from './json'
import { checkLimit, positive, readFilter } from './limits'
import { orderedBy } from './ordering'
import { parsePointId } from './point-id'
import { shower } from './shown-point'

/** A page of points by ascending id, or by a field. */
export function scroll(collection: Collection, body: JsonObject): JsonObject {
  const limit = positive(body, 'limit', 10, 'scroll_request')
  const filter = readFilter(collection, body, 'scroll_request')
  checkLimit(collection, limit)
  const show = shower(body, true)
  const offset = body['offset'] ?? undefined
  if (body['order_by'] !== undefined && body['order_by'] !== null) {
    if (offset !== undefined)
      throw badRequest(
        "Cannot use an `offset` when using `order_by`. The alternative for paging is to use `order_by.start_from` and a filter to exclude the IDs that you've already seen for the `order_by.start_from` value",
      )
    const page = orderedBy(collection, filter, body['order_by']).slice(0, limit)
    return {
      points: page.map(({ point, value }) => ({ ...show(point), order_value: value })),
      next_page_offset: null,
    }
  }
  const from = offset === undefined ? collection.ordered() : collection.orderedFrom(parsePointId(offset))
  const page = []
  for (const point of from) {
    if (!filter(point)) continue
    if (page.length === limit) return { points: page, next_page_offset: point.id }
    page.push(show(point))
  }
  return { points: page, next_page_offset: null }
}
