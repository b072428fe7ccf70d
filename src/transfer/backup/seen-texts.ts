import { hash } from 'node:crypto'

/** Whether texts were seen, by 8 bytes of the hash of each: a million take 8 MB. */
export class SeenTexts {
  #hashes = new BigUint64Array(1_024)
  #size = 0

  add(key: string): void {
    if (this.#size === this.#hashes.length) {
      const grown = new BigUint64Array(2 * this.#size)
      grown.set(this.#hashes)
      this.#hashes = grown
    }
    this.#hashes[this.#size++] = shortHash(key)
  }

  /** How to ask, once all are there. */
  sorted(): (key: string) => boolean {
    const all = this.#hashes.subarray(0, this.#size).sort()
    return (key) => {
      const wanted = shortHash(key)
      let low = 0
      for (let high = all.length; low < high; ) {
        const middle = (low + high) >>> 1
        if (all[middle]! < wanted) low = middle + 1
        else high = middle
      }
      return all[low] === wanted
    }
  }
}

function shortHash(key: string): bigint {
  return BigInt(`0x${hash('sha1', key, 'hex').slice(0, 16)}`)
}
