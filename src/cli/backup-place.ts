import type { Command } from 'commander'
import type { Settings } from '../config/settings'
import { HeadwaterError } from '../core/errors'
import { storeOptionsFrom } from '../store/store-settings'
import type { BackupPlace } from '../transfer/backup/place'
import type { PlaceKeys } from '../transfer/backup/place-keys'
import type { CliContext } from './context'

/** Where backups lie and the keys of it. Secret keys are files: an argument is read by whoever lists processes. */
export interface PlaceFlags {
  readonly from?: string
  readonly to?: string
  readonly recipient?: readonly string[]
  readonly identity?: string
  readonly signingKey?: string
  readonly trustedKey?: readonly string[]
}

export function placeOptions(command: Command, flag: '--from' | '--to'): void {
  command.requiredOption(`${flag} <place>`, 'folder or s3://bucket/prefix')
  if (flag === '--to') {
    command
      .option('--recipient <key...>', 'public keys of age: encrypts to them')
      .option('--signing-key <file>', 'secret key of Ed25519 in PEM: signs the manifest')
  }
  command
    .option('--identity <file>', 'secret keys of age, as age-keygen writes them')
    .option('--trusted-key <file...>', 'public keys of Ed25519 in PEM: refuses what none of them has signed')
}

/** A place of backups as the command line names it, with its keys. */
export function placeFrom(context: CliContext, settings: Settings, flags: PlaceFlags): BackupPlace {
  const [flag, given] = flags.to === undefined ? ['--from', flags.from!] : ['--to', flags.to]
  return Object.assign(locationFrom(context, settings, flag, given), keysFrom(context, flags))
}

/** A folder, or `s3://bucket/prefix` with the keys of the settings. */
export function locationFrom(context: CliContext, settings: Settings, flag: string, given: string): BackupPlace {
  const [, bucket, prefix = ''] = /^s3:\/\/([^/]+)\/?(.*)$/.exec(given) ?? []
  if (bucket === undefined) {
    if (!/^[a-z0-9]+:\/\//i.test(given)) return { path: context.resolve(given) }
    throw new HeadwaterError('HW_INVALID_ARGUMENT', `${flag}: give a folder or s3://bucket/prefix`, { path: flag })
  }
  const { s3 } = storeOptionsFrom(settings, { embedder: { hashing: {} } })
  if (!s3) {
    const missing = `${flag}: ${given} needs S3_ENDPOINT, S3_ACCESS_KEY and S3_SECRET_KEY in the environment`
    throw new HeadwaterError('HW_INVALID_SETTINGS', missing, { path: 'S3_ENDPOINT' })
  }
  const { blobs: _, ...where } = s3
  return { s3: where, bucket, prefix }
}

function keysFrom(context: CliContext, { recipient, identity, signingKey, trustedKey }: PlaceFlags): PlaceKeys {
  return {
    recipients: recipient,
    identities: identity === undefined ? undefined : identitiesIn(context.readFile('--identity', identity)),
    signingKey: signingKey === undefined ? undefined : context.readFile('--signing-key', signingKey),
    trustedKeys: trustedKey?.map((file) => context.readFile('--trusted-key', file)),
  }
}

/** Lines of a file, comments left out. */
function identitiesIn(text: string): string[] {
  return text.split(/\r?\n/).filter((line) => line.trim() !== '' && !line.startsWith('#'))
}
