import { endianness } from 'node:os'

const bigEndian = endianness() === 'BE'

/** pgvector's binary form: dimensions and a zero as int16, then float32, all big endian. */
function writeVector(vector: Float32Array, into: Buffer, start: number): number {
  let at = into.writeInt16BE(vector.length, start)
  at = into.writeInt16BE(0, at)
  const end = at + vector.byteLength
  into.set(new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength), at)
  if (!bigEndian) into.subarray(at, end).swap32()
  return end
}

/** A `vector` parameter in binary form; docs/adr/0007 says how much faster that is than text. */
export function vectorParameter(vector: Float32Array): Buffer {
  const bytes = Buffer.allocUnsafe(4 + vector.byteLength)
  writeVector(vector, bytes, 0)
  return bytes
}

/** A `vector[]` parameter in binary form; `oid` is of the type `vector`, which differs between databases. */
export function vectorArrayParameter(vectors: readonly Float32Array[], oid: number): Buffer {
  const size = vectors.reduce((sum, vector) => sum + 8 + vector.byteLength, 20)
  const bytes = Buffer.allocUnsafe(size)
  let at = bytes.writeInt32BE(vectors.length === 0 ? 0 : 1, 0)
  at = bytes.writeInt32BE(0, at)
  at = bytes.writeUInt32BE(oid, at)
  at = bytes.writeInt32BE(vectors.length, at)
  at = bytes.writeInt32BE(1, at)
  for (const vector of vectors) {
    at = bytes.writeInt32BE(4 + vector.byteLength, at)
    at = writeVector(vector, bytes, at)
  }
  return bytes
}

/** Reads what `vector_send` gives. */
export function vectorOf(bytes: Buffer): Float32Array {
  const copy = Buffer.from(Uint8Array.from(bytes.subarray(4)).buffer)
  if (!bigEndian) copy.swap32()
  return new Float32Array(copy.buffer)
}
