import { hash } from 'node:crypto'

const modulus = 1n << 256n

/** Rows counted and summed up, whatever their order: the SHA-256 of each line, added up modulo 2^256. */
export class RowDigest {
  #sum = 0n
  rows = 0

  add(line: string): void {
    this.addHash(lineHash(line))
  }

  addHash(value: bigint): void {
    this.#sum = (this.#sum + value) % modulus
    this.rows++
  }

  /** 64 hexadecimal digits. */
  get digest(): string {
    return this.#sum.toString(16).padStart(64, '0')
  }
}

export function lineHash(line: string): bigint {
  return BigInt(`0x${hash('sha256', line, 'hex')}`)
}

/** Evenly spread over 0 up to 2^32, and the same whenever the same is asked. */
export function drawOf(what: string): number {
  return Number.parseInt(hash('sha1', what, 'hex').slice(0, 8), 16)
}

/** Digests of a table, whole and by tenant. */
export class TableDigest {
  readonly whole = new RowDigest()
  readonly tenants = new Map<string, RowDigest>()

  add(line: string, tenant: string): void {
    const value = lineHash(line)
    this.whole.addHash(value)
    let own = this.tenants.get(tenant)
    if (!own) {
      own = new RowDigest()
      this.tenants.set(tenant, own)
    }
    own.addHash(value)
  }
}
