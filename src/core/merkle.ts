import { createHash } from 'node:crypto'

// As RFC 6962 has it: leaves and nodes are hashed apart from one another, and a list of n is cut at the largest power of
// two below n. All hashes are hex SHA-256.

/** One step from a leaf to the root: the hash beside, and on which side it stands. */
export interface MerkleStep {
  readonly side: 'left' | 'right'
  readonly hash: string
}

/** Of what a leaf holds. */
export function merkleLeaf(text: string): string {
  return createHash('sha256').update('\0').update(text).digest('hex')
}

/** The root over hashes of leaves; of none, the hash of nothing. */
export function merkleRoot(leaves: readonly string[]): string {
  if (leaves.length === 0) return createHash('sha256').digest('hex')
  let level = leaves
  while (level.length > 1) level = above(level)
  return level[0]!
}

/** The steps from the leaf at this place up to the root. */
export function merklePath(leaves: readonly string[], place: number): MerkleStep[] {
  const steps: MerkleStep[] = []
  let level = leaves
  for (let at = place; level.length > 1; at >>= 1) {
    const beside = at % 2 === 0 ? level[at + 1] : level[at - 1]
    if (beside !== undefined) steps.push({ side: at % 2 === 0 ? 'right' : 'left', hash: beside })
    level = above(level)
  }
  return steps
}

/** The root that these steps lead to. */
export function merkleClimb(leaf: string, steps: readonly MerkleStep[]): string {
  return steps.reduce((hash, step) => (step.side === 'left' ? nodeOf(step.hash, hash) : nodeOf(hash, step.hash)), leaf)
}

/** A last one without a neighbour goes up as it is, which comes to the same cut. */
function above(level: readonly string[]): string[] {
  return Array.from({ length: Math.ceil(level.length / 2) }, (_, pair) => {
    const [left, right] = [level[pair * 2]!, level[pair * 2 + 1]]
    return right === undefined ? left : nodeOf(left, right)
  })
}

function nodeOf(left: string, right: string): string {
  return createHash('sha256').update('\x01').update(left, 'hex').update(right, 'hex').digest('hex')
}
