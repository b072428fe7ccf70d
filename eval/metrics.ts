/** Grades of one query's documents, by document id; those that are absent count 0. */
export type Grades = ReadonlyMap<string, number>

/** Means over queries, 0 to 1. */
export interface Quality {
  readonly ndcg10: number
  readonly mrr10: number
  readonly recall100: number
}

/**
 * The measures of the field, as trec_eval and ir_measures count them: nDCG with linear gains and log2 discount, against
 * the best order of all judged documents; reciprocal rank of the first relevant one among ten; the share of relevant
 * documents among a hundred. Every judged query counts, 0 where nothing was found or nothing is relevant.
 */
export function measure(
  judged: ReadonlyMap<string, Grades>,
  ranked: ReadonlyMap<string, readonly string[]>,
): Quality & { readonly queries: number } {
  let [ndcg, mrr, recall, queries] = [0, 0, 0, 0]
  for (const [query, grades] of judged) {
    const relevant = [...grades.values()].filter((grade) => grade > 0).sort((a, b) => b - a)
    queries++
    if (relevant.length === 0) continue
    const found = (ranked.get(query) ?? []).map((document) => Math.max(0, grades.get(document) ?? 0))
    ndcg += gain(found.slice(0, 10)) / gain(relevant.slice(0, 10))
    const first = found.slice(0, 10).findIndex((grade) => grade > 0)
    mrr += first < 0 ? 0 : 1 / (first + 1)
    recall += found.slice(0, 100).filter((grade) => grade > 0).length / relevant.length
  }
  const mean = (sum: number): number => (queries === 0 ? 0 : sum / queries)
  return { ndcg10: mean(ndcg), mrr10: mean(mrr), recall100: mean(recall), queries }
}

function gain(grades: readonly number[]): number {
  return grades.reduce((sum, grade, at) => sum + grade / Math.log2(at + 2), 0)
}
