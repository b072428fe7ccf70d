import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { makeFolder } from '../../src/core/make-folder'

describe('makeFolder', () => {
  let root: string
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'headwater-folder-'))
  })
  afterEach(() => rmSync(root, { recursive: true }))

  it('makes what is missing and says where that began', () => {
    expect(makeFolder(join(root, 'a', 'b', 'c'))).toBe(join(root, 'a'))
    expect(existsSync(join(root, 'a', 'b', 'c'))).toBe(true)
    expect(makeFolder(join(root, 'a', 'b'))).toBeUndefined()
  })

  it('fails where a file is in the way', () => {
    writeFileSync(join(root, 'file'), '')
    expect(() => makeFolder(join(root, 'file'))).toThrow(expect.objectContaining({ code: 'EEXIST' }))
    expect(() => makeFolder(join(root, 'file', 'below'))).toThrow(expect.objectContaining({ code: 'ENOTDIR' }))
  })

  it.runIf(process.platform === 'linux')('fails, and ends, where no folder can be', () => {
    expect(() => makeFolder('/proc/headwater/below')).toThrow(expect.objectContaining({ code: 'ENOENT' }))
  })
})
