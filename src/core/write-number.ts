/** Four digits each, from 0000 on, as ASCII; made with the first number. */
let fours: Uint8Array | undefined

const zero = 48
const minus = 45
const point = 46
/** Below it zeros would make the number long. */
const smallest = 1e-6

/** Bytes that `writeFloat32` needs at most: those of the longest double. */
export const mostFloatBytes = 24

/**
 * Writes a finite float32 as JSON and returns where it ends. Below 1, which is where vectors are, it has nine digits at
 * most, so that every reader makes the same float32 of it, in a fraction of the time and half of the bytes that the
 * double of the same value takes.
 */
export function writeFloat32(value: number, into: Uint8Array, from: number): number {
  let at = from
  if (value === 0) {
    into[at] = zero
    return at + 1
  }
  const size = Math.abs(value)
  if (size >= 1 || size < smallest) return writeText(String(value), into, at)
  if (value < 0) into[at++] = minus
  into[at++] = zero
  into[at++] = point
  let scale = 1e9
  for (let bound = 0.1; size < bound; bound /= 10) {
    into[at++] = zero
    scale *= 10
  }
  // Nine digits, the first of them no zero: no float32 is so close below a power of ten that it would become that.
  const digits = Math.round(size * scale)
  const high = Math.floor(digits / 100_000)
  const low = digits - high * 100_000
  const middle = Math.floor(low / 10)
  fours ??= allFours()
  at = writeFour(fours, high, into, at)
  at = writeFour(fours, middle, into, at)
  into[at] = zero + (low - middle * 10)
  while (into[at] === zero) at--
  return at + 1
}

function allFours(): Uint8Array {
  const all = new Uint8Array(40_000)
  for (let value = 0, at = 0; value < 10_000; value++) {
    for (const unit of [1_000, 100, 10, 1]) all[at++] = zero + (Math.floor(value / unit) % 10)
  }
  return all
}

function writeFour(fours: Uint8Array, value: number, into: Uint8Array, at: number): number {
  const first = value * 4
  into[at] = fours[first]!
  into[at + 1] = fours[first + 1]!
  into[at + 2] = fours[first + 2]!
  into[at + 3] = fours[first + 3]!
  return at + 4
}

function writeText(text: string, into: Uint8Array, from: number): number {
  for (let i = 0; i < text.length; i++) into[from + i] = text.charCodeAt(i)
  return from + text.length
}
