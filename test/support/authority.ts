import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

export interface KeyPair {
  readonly cert: string
  readonly key: string
}

/** A certificate authority of this test run: what it signs for this machine's servers, and for a client. */
export interface Authority {
  readonly ca: string
  readonly server: KeyPair
  readonly client: KeyPair
}

const run = promisify(execFile)

/** Made by openssl in a temporary folder that is gone afterwards. */
export async function makeAuthority(name: string): Promise<Authority> {
  const folder = await mkdtemp(join(tmpdir(), 'headwater-ca-'))
  const at = (file: string): string => join(folder, file)
  const request = (file: string, ...more: string[]): Promise<unknown> =>
    run('openssl', [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'],
      ...['-keyout', at(`${file}.key`), '-out', at(`${file}.pem`), '-subj', `/CN=${name} ${file}`, ...more],
    ])
  const signed = ['-CA', at('ca.pem'), '-CAkey', at('ca.key'), '-addext', 'basicConstraints=critical,CA:FALSE']
  const read = (file: string): Promise<string> => readFile(at(file), 'utf8')
  const pair = async (file: string): Promise<KeyPair> => ({
    cert: await read(`${file}.pem`),
    key: await read(`${file}.key`),
  })
  try {
    await request('ca')
    await request('server', ...signed, '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1')
    await request('client', ...signed, '-addext', 'extendedKeyUsage=clientAuth')
    return { ca: await read('ca.pem'), server: await pair('server'), client: await pair('client') }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
