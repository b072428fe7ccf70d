/**
 * `npm run bench -- NAME [arguments]`. Figures are for comparing within one run on one machine; the ratios are what
 * counts.
 */
const benches: Record<string, { readonly about: string; load(): Promise<unknown> }> = {
  store: { about: 'ingest, the same again, hybrid search: [chunks] [postgres url]', load: () => import('./store') },
  get: { about: 'documents.get against the raw driver: postgres url', load: () => import('./get') },
  legs: { about: 'the two projections alone: [chunks] [postgres url]', load: () => import('./legs') },
}

const [name] = process.argv.splice(2, 1)
const bench = name === undefined ? undefined : benches[name]
if (bench) await bench.load()
else {
  console.error('usage: npm run bench -- NAME [arguments]')
  for (const [known, { about }] of Object.entries(benches)) console.error(`  ${known.padEnd(8)}${about}`)
  process.exitCode = 2
}

export {}
