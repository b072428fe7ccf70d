import { readFile } from 'node:fs/promises'
import { HeadwaterError } from '../../core/errors'
import type { AuditAction } from '../../repositories/audit'
import type { AuditEntry } from '../../tenant/audit-handle'
import { checkAuditProof } from '../../writer/audit/proof'
import type { Register } from '../command'
import { exitCodes } from '../exit-codes'
import { numberFrom } from '../number-flag'
import type { Output } from '../output'

interface LogFlags {
  readonly entity?: string
  readonly document?: string
  readonly key?: string
  readonly actor?: string
  readonly action?: AuditAction
  readonly limit: string
  readonly cursor?: string
}

/** Of one tenant, but for `verify`, which is of all unless --tenant names one. */
export const registerAudit: Register = (program, run) => {
  const audit = program.command('audit').description('who changed which row, and the proof of it')
  audit
    .command('log')
    .description('list changes, the latest first')
    .option('--entity <name>', 'of rows of an entity')
    .option('--key <key>', 'of one row of it')
    .option('--document <id>', 'of a document of the collection')
    .option('--actor <name>', 'by him alone')
    .option('--action <action>', 'insert, update, delete, restore or erase')
    .option('--limit <number>', 'at most', '100')
    .option('--cursor <cursor>', 'of the page before')
    .action(
      run((context, { document, ...flags }: LogFlags) => {
        if (document !== undefined && flags.entity !== undefined) {
          throw new HeadwaterError('HW_INVALID_ARGUMENT', '--document and --entity: give one of them', {
            path: '--document',
          })
        }
        const { collection, options, out, tenant } = context
        const named = document !== undefined || (options.collection !== undefined && flags.entity === undefined)
        const query = {
          ...flags,
          ...(named && { collection, key: document }),
          limit: numberFrom('--limit', flags.limit, { least: 1, most: 1_000 }),
        }
        return context.withStore({ mode: 'read' }, async (store) => {
          const page = await store.forTenant(tenant).audit.list(query, { signal: context.signal })
          out.document(page)
          await entries(out, page.items)
          if (page.cursor !== undefined) out.line(`More with --cursor ${page.cursor}`)
          return undefined
        })
      }),
    )
  audit
    .command('verify')
    .description('compare rows with their seals, and seals with their copies')
    .option('--proof <file>', 'check a proof that `prove` gave, without a store')
    .action(
      run(async (context, { proof }: { readonly proof?: string }) => {
        if (proof !== undefined) return checkProof(context.out, await proofIn(context.resolve(proof)))
        return context.withStore({ mode: 'read' }, async (store) => {
          const { out, options, signal } = context
          const found = await store.audit.verify({ tenant: options.tenant, signal })
          out.document(found)
          out.line(
            `${found.rows} rows in ${found.batches} batches of ${found.tenants} tenants, ${found.compared} compared with their copies, ${found.erased} rows erased: ${found.ok ? 'all as sealed' : `${found.problemCount} problems`}.`,
          )
          await out.table(
            [
              { title: 'problem' },
              { title: 'tenant' },
              { title: 'row' },
              { title: 'batch' },
              { title: 'why', grow: 1 },
            ],
            found.problems.map((one) => [one.problem, one.tenant, one.id ?? '', one.batch ?? '', one.message]),
          )
          return found.ok ? undefined : exitCodes.failed
        })
      }),
    )
  audit
    .command('prove <id>')
    .description('give the proof that a change is in a seal')
    .action(
      run((context, _flags: object, id: string) => {
        const entry = numberFrom('id', id, { least: 1, most: Number.MAX_SAFE_INTEGER })
        return context.withStore({ mode: 'read' }, async (store) => {
          const proof = await store.forTenant(context.tenant).audit.prove(entry, { signal: context.signal })
          const { valid, seal, problem } = checkAuditProof(proof)
          context.out.document({ proof, valid, problem })
          context.out.line(`Row ${id} is in batch ${proof.batch.number}, under the seal ${seal}.`)
          if (valid)
            context.out.line('The proof holds; --json gives it whole, for `headwater audit verify --proof FILE`.')
          else context.out.line(`The proof does not hold: ${problem}.`)
          return valid ? undefined : exitCodes.failed
        })
      }),
    )
}

function entries(out: Output, items: readonly AuditEntry[]): Promise<void> {
  if (items.length === 0) out.line('None.')
  return out.table(
    [
      { title: 'id' },
      { title: 'at' },
      { title: 'actor' },
      { title: 'action' },
      { title: 'row', grow: 1 },
      { title: 'before', grow: 1 },
      { title: 'after', grow: 1 },
      { title: 'batch' },
    ],
    items.map((one) => [
      one.id,
      one.at,
      one.actor ?? '',
      one.action,
      `${one.name}/${one.key} v${one.version}`,
      one.erased ? 'erased' : shown(one.before),
      one.erased ? 'erased' : shown(one.after),
      one.batch ?? '',
    ]),
  )
}

function shown(fields: AuditEntry['before']): string {
  return fields === null ? '' : JSON.stringify(fields)
}

function checkProof(out: Output, given: unknown): number | undefined {
  const check = checkAuditProof(given)
  out.document(check)
  out.line(check.valid ? `The proof holds, under the seal ${check.seal}.` : `It does not hold: ${check.problem}.`)
  return check.valid ? undefined : exitCodes.failed
}

/** A proof, or what `prove --json` printed. */
async function proofIn(file: string): Promise<unknown> {
  const path = '--proof'
  try {
    const found: unknown = JSON.parse(await readFile(file, 'utf8'))
    return typeof found === 'object' && found !== null ? (Reflect.get(found, 'proof') ?? found) : found
  } catch (cause) {
    throw new HeadwaterError('HW_INVALID_ARGUMENT', `${path}: ${file} cannot be read as JSON`, { path, cause })
  }
}
