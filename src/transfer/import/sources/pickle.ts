import { HeadwaterError } from '../../../core/errors'

/**
 * What a pickle of Python's holds, as far as it is plain: dictionaries become maps, tuples and lists lists, an object what
 * it was set to. Nothing is ever called; whatever needs that, or is not known, is HW_STORAGE.
 */
export function readPickle(bytes: Buffer): unknown {
  return new Reader(bytes).read()
}

const mark = Symbol('mark')

/** What each instruction does, by its byte; names as in Python's `pickletools`. */
const instructions: Readonly<Record<number, (reader: Reader) => void>> = {
  /* PROTO */ 128: (reader) => void reader.take(1),
  /* FRAME */ 149: (reader) => void reader.take(8),
  /* MARK */ 40: ({ stack }) => void stack.push(mark),
  /* NONE */ 78: ({ stack }) => void stack.push(null),
  /* NEWTRUE */ 136: ({ stack }) => void stack.push(true),
  /* NEWFALSE */ 137: ({ stack }) => void stack.push(false),
  /* BININT1 */ 75: (reader) => void reader.stack.push(reader.take(1).readUInt8()),
  /* BININT2 */ 77: (reader) => void reader.stack.push(reader.take(2).readUInt16LE()),
  /* BININT */ 74: (reader) => void reader.stack.push(reader.take(4).readInt32LE()),
  /* LONG1 */ 138: (reader) => void reader.stack.push(longOf(reader.take(reader.take(1).readUInt8()))),
  /* BINFLOAT */ 71: (reader) => void reader.stack.push(reader.take(8).readDoubleBE()),
  /* SHORT_BINUNICODE */ 140: (reader) => void reader.stack.push(String(reader.take(reader.take(1).readUInt8()))),
  /* BINUNICODE */ 88: (reader) => void reader.stack.push(String(reader.take(reader.take(4).readUInt32LE()))),
  /* EMPTY_DICT */ 125: ({ stack }) => void stack.push(new Map()),
  /* EMPTY_LIST */ 93: ({ stack }) => void stack.push([]),
  /* EMPTY_TUPLE */ 41: ({ stack }) => void stack.push([]),
  /* TUPLE1 */ 133: ({ stack }) => void stack.push([stack.pop()]),
  /* TUPLE2 */ 134: ({ stack }) => void stack.push(stack.splice(-2)),
  /* TUPLE3 */ 135: ({ stack }) => void stack.push(stack.splice(-3)),
  /* TUPLE */ 116: (reader) => void reader.stack.push(reader.marked()),
  /* SETITEM */ 115: (reader) => reader.setItems(reader.stack.splice(-2)),
  /* SETITEMS */ 117: (reader) => reader.setItems(reader.marked()),
  /* MEMOIZE */ 148: ({ memo, stack }) => void memo.set(memo.size, stack.at(-1)),
  /* BINPUT */ 113: (reader) => void reader.memo.set(reader.take(1).readUInt8(), reader.stack.at(-1)),
  /* LONG_BINPUT */ 114: (reader) => void reader.memo.set(reader.take(4).readUInt32LE(), reader.stack.at(-1)),
  /* BINGET */ 104: (reader) => void reader.stack.push(reader.memo.get(reader.take(1).readUInt8())),
  /* LONG_BINGET */ 106: (reader) => void reader.stack.push(reader.memo.get(reader.take(4).readUInt32LE())),
  // A class is its name here, and is not looked for.
  /* GLOBAL */ 99: (reader) => void reader.stack.push(`${reader.line()}.${reader.line()}`),
  /* STACK_GLOBAL */ 147: ({ stack }) => void stack.push(stack.splice(-2).join('.')),
  // An object is what it is set to afterwards.
  /* NEWOBJ */ 129: ({ stack }) => void stack.splice(-2, 2, new Map()),
  /* REDUCE */ 82: ({ stack }) => void stack.splice(-2, 2, new Map()),
  /* BUILD */ 98: ({ stack }) => void stack.splice(-2, 1),
}
const stop = 46

class Reader {
  readonly stack: unknown[] = []
  readonly memo = new Map<number, unknown>()
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  read(): unknown {
    try {
      for (;;) {
        const code = this.take(1).readUInt8()
        if (code === stop) return this.stack.pop()
        const instruction = instructions[code]
        if (!instruction) throw new RangeError(`the instruction ${code} at ${this.#at - 1} is not known`)
        instruction(this)
      }
    } catch (cause) {
      throw new HeadwaterError('HW_STORAGE', 'a pickle is damaged, or of a kind that is not read', { cause })
    }
  }

  take(length: number): Buffer {
    const end = this.#at + length
    if (!(length >= 0 && end <= this.#bytes.length)) throw new RangeError('it ends too early')
    const part = this.#bytes.subarray(this.#at, end)
    this.#at = end
    return part
  }

  line(): string {
    const text = this.take(this.#bytes.indexOf(10, this.#at) - this.#at).toString('utf8')
    this.take(1)
    return text
  }

  marked(): unknown[] {
    const items = this.stack.splice(this.stack.lastIndexOf(mark))
    if (items.shift() !== mark) throw new RangeError('there is no mark')
    return items
  }

  setItems(items: readonly unknown[]): void {
    const into = this.stack.at(-1)
    if (!(into instanceof Map)) throw new RangeError('there is no dictionary')
    for (let at = 0; at < items.length; at += 2) into.set(items[at], items[at + 1])
  }
}

function longOf(bytes: Buffer): number {
  let value = 0n
  for (let at = bytes.length - 1; at >= 0; at--) value = (value << 8n) | BigInt(bytes[at]!)
  return Number(BigInt.asIntN(bytes.length * 8, value))
}
