/**
 * `npm run bench -- NAME [arguments] [--json]`. Figures are for comparing within one run on one machine; the ratios are
 * what counts.
 */
const benches: Record<string, { readonly about: string; readonly needs: string; load(): Promise<unknown> }> = {
  get: {
    about: 'documents.get against the raw driver, without and with row level security',
    needs: 'POSTGRES_URL as argument',
    load: () => import('./get'),
  },
  entities: {
    about:
      'get, list and insert of an entity against the raw driver, Kysely and Drizzle, without and with row level security: [POSTGRES_URL] [rounds]',
    needs: 'DATABASE_URL or the URL',
    load: () => import('./entities'),
  },
  cache: {
    about: 'cache.get and getMany against ioredis',
    needs: 'POSTGRES_URL as argument; redis-server or REDIS_URL',
    load: () => import('./cache'),
  },
  ingest: {
    about:
      'Postgres + Qdrant + Elasticsearch against the raw clients and LangChain.js, then unchanged, and what it costs each process: [documents] [runs] [--sink]',
    needs:
      'DATABASE_URL, ELASTICSEARCH_URL; QDRANT_URL, else the double or with --sink a sink; npm install --prefix bench/peers for LangChain.js',
    load: () => import('./ingest'),
  },
  put: {
    about:
      'one small document, alone and twenty callers at once, against a transaction by hand: new, there, patch, delete; external and inline: [alone] [crowd] [--double]',
    needs: 'DATABASE_URL, ELASTICSEARCH_URL; QDRANT_URL, else a sink, or with --double the double',
    load: () => import('./put'),
  },
  profile: {
    about: 'where processor time of this process goes, by function: putMany|put [documents] [callers] [--external]',
    needs: 'DATABASE_URL, ELASTICSEARCH_URL; QDRANT_URL, else a sink',
    load: () => import('./profile'),
  },
  hybrid: {
    about:
      'hybrid search with hydration, alone and by twenty callers, and cached, against both raw legs at once: [documents] [descriptions] [rounds] [--pgvector]',
    needs: 'DATABASE_URL, ELASTICSEARCH_URL; redis-server or REDIS_URL; QDRANT_URL, else the double',
    load: () => import('./hybrid'),
  },
  rebuild: {
    about: 'a rebuild against loops by hand over the same rows: [chunks] [dimensions] [runs] [--engines]',
    needs: 'DATABASE_URL of a Postgres with pgvector; with --engines ELASTICSEARCH_URL and QDRANT_URL, else the double',
    load: () => import('./rebuild'),
  },
  engine: {
    about:
      'a change of engine under searches and writes, there and back: vectors to Qdrant, texts to Elasticsearch: [chunks] [dimensions] [vector|text]',
    needs: 'DATABASE_URL of a Postgres with pgvector, ELASTICSEARCH_URL; QDRANT_URL, else the double',
    load: () => import('./engine'),
  },
  mend: {
    about:
      'an index that is gone or empty, mended by reconcile and drain, against a rebuild: [chunks] [dimensions] [runs] [--engines]',
    needs: 'DATABASE_URL of a Postgres with pgvector; with --engines ELASTICSEARCH_URL and QDRANT_URL, else the double',
    load: () => import('./mend'),
  },
  backup: {
    about:
      'create, create again, verify, restore and drill, and the relay meanwhile: [chunks] [blobs] [dimensions] [--embedded]',
    needs: 'DATABASE_URL of a Postgres with pgvector, unless --embedded',
    load: () => import('./backup'),
  },
  move: {
    about: 'a store from embedded to a server and back: [chunks] [blobs] [dimensions]',
    needs: 'DATABASE_URL of a Postgres with pgvector',
    load: () => import('./move'),
  },
  'last-resort': {
    about: 'searches while both legs are down, at 60,000 chunks against 10,000: [chunks] [searches]',
    needs: 'DATABASE_URL',
    load: () => import('./last-resort'),
  },
  memory: {
    about: 'the memory that a rebuild of many small chunks takes: [chunks] [dimensions]',
    needs: 'DATABASE_URL of a Postgres with pgvector',
    load: () => import('./memory'),
  },
  embed: {
    about: 'the ONNX embedder against transformers.js: MODEL_FOLDER [texts] [threads]',
    needs: 'a model; npm install --prefix bench/peers',
    load: () => import('./embed'),
  },
  peers: {
    about: 'what LangChain.js index(), LlamaIndex.TS and headwater leave in Qdrant after a failure: [cases, of abcde]',
    needs: 'npm install --prefix bench/peers; DATABASE_URL and QDRANT_URL, else Postgres from npm and the double',
    load: () => import('./peers/main'),
  },
  claim: {
    about:
      'job claims at 1,000,000 waiting jobs against 1,000, under a long snapshot too, and bloat: [jobs] [POSTGRES_URL]',
    needs: 'DATABASE_URL or the URL',
    load: () => import('./claim'),
  },
  drain: {
    about:
      'the relay against loops by hand over the same rows, into Postgres with pgvector and into nothing: [documents] [POSTGRES_URL]',
    needs: 'DATABASE_URL or the URL',
    load: () => import('./drain'),
  },
  held: {
    about:
      'drain and claims under 800 jobs/s while a snapshot is held, then while pg_dump runs: [seconds] [POSTGRES_URL]',
    needs: 'DATABASE_URL or the URL; pg_dump as new as the server, in the PATH or as PG_DUMP',
    load: () => import('./held'),
  },
  grow: {
    about:
      'rate, memory, pages and claims while a truth grows through putMany, with projections that only count: [documents] [SVG file]',
    needs: 'DATABASE_URL',
    load: () => import('./grow'),
  },
  store: {
    about: 'ingest, the same again, hybrid search, embedded or on a server: [chunks] [POSTGRES_URL]',
    needs: 'nothing',
    load: () => import('./store'),
  },
  legs: {
    about: 'the two projections in Postgres alone: [chunks] [POSTGRES_URL]',
    needs: 'nothing',
    load: () => import('./legs'),
  },
}

const [name] = process.argv.splice(2, 1)
const bench = name === undefined ? undefined : benches[name]
if (bench) await bench.load()
else {
  console.error('usage: npm run bench -- NAME [arguments] [--json]')
  for (const [known, { about, needs }] of Object.entries(benches)) {
    console.error(`  ${known.padEnd(12)}${about}\n  ${' '.repeat(12)}needs ${needs}`)
  }
  process.exitCode = 2
}

export {}
