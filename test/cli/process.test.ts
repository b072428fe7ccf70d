import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { useFolder } from './harness'

const root = fileURLToPath(new URL('../..', import.meta.url))
const loader = path.join(root, 'node_modules', 'tsx', 'dist', 'loader.mjs')
const main = path.join(root, 'src', 'cli', 'main.ts')

interface Running {
  readonly child: ChildProcess
  /** Resolves when stderr holds the text. */
  said(text: string): Promise<void>
  /** What it has said so far. */
  stderr(): string
  readonly ended: Promise<{ code: number | null; stdout: string; stderr: string }>
}

function start(cwd: string, ...args: string[]): Running {
  const child = spawn(process.execPath, ['--import', loader, main, ...args], {
    cwd,
    env: { PATH: process.env['PATH'], HEADWATER_PROFILE: 'embedded' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let stdout = ''
  let stderr = ''
  const waiting: { text: string; resolve(): void; reject(error: Error): void }[] = []
  child.stdout.on('data', (data: Buffer) => {
    stdout += data.toString()
  })
  child.stderr.on('data', (data: Buffer) => {
    stderr += data.toString()
    for (const { text, resolve } of waiting) if (stderr.includes(text)) resolve()
  })
  const ended = once(child, 'close').then(([code]) => {
    for (const { text, reject } of waiting) reject(new Error(`It ended without saying ${text}:\n${stderr}`))
    return { code: code as number | null, stdout, stderr }
  })
  const said = (text: string) =>
    new Promise<void>((resolve, reject) => {
      waiting.push({ text, resolve, reject })
      if (stderr.includes(text)) resolve()
    })
  return { child, said, stderr: () => stderr, ended }
}

describe('the process', () => {
  const folder = useFolder()

  it('stops an ingest on SIGINT with exit code 130, keeps what was stored, and leaves no lock', async () => {
    const texts = path.join(folder(), 'texts')
    await mkdir(texts)
    const text = 'Words to split, to embed and to store, again and again. '.repeat(400)
    for (let i = 0; i < 1_500; i++) await writeFile(path.join(texts, `${i}.md`), `# Text ${i}\n\n${text}`)
    const ingest = start(folder(), 'ingest', 'texts', '--json')
    await ingest.said('Ingesting: 0 of 1500 files')
    ingest.child.kill('SIGINT')
    const { code, stdout } = await ingest.ended
    expect(code).toBe(130)
    const { error } = JSON.parse(stdout)
    expect(error).toMatchObject({ code: 'HW_ABORTED', details: { files: 1_500 } })
    expect(error.message).toMatch(/(\d+) written and 0 unchanged of 1500 files; what was written stays\. Run the same/)
    const status = await start(folder(), 'status', '--json').ended
    expect(status).toMatchObject({ code: 0, stderr: '' })
    const { documents, chunks } = JSON.parse(status.stdout)
    expect(documents).toBeLessThan(1_500)
    expect(documents).toBe(error.details.written)
    expect(chunks > 0).toBe(documents > 0)
  })

  it('ends a relay on SIGTERM with exit code 0 and an empty backlog', async () => {
    const relay = start(folder(), 'relay', '--json')
    await relay.said('Working.')
    relay.child.kill('SIGTERM')
    const { code, stdout, stderr } = await relay.ended
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ remaining: 0, parked: 0 })
    const log = stderr.trim().split('\n')
    for (const line of log) expect(JSON.parse(line)).toMatchObject({ level: 'info', message: expect.any(String) })
  })

  it('serves metrics and health while it relays', async () => {
    const relay = start(folder(), 'relay', '--metrics-port', '0')
    await relay.said('Working.')
    const port = /health on port (\d+)/.exec(relay.stderr())![1]
    const health = await fetch(`http://127.0.0.1:${port}/health`)
    expect(health.status).toBe(200)
    expect(await health.json()).toMatchObject({ status: 'ok', degraded: [], backlog: { waiting: 0 } })
    const metrics = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
    expect(metrics).toContain('headwater_backlog_jobs{state="waiting"} 0')
    expect(metrics).toContain('headwater_call_seconds_count{store="postgres",code=""}')
    expect(metrics).toContain('process_resident_memory_bytes')
    expect((await fetch(`http://127.0.0.1:${port}/other`)).status).toBe(404)
    relay.child.kill('SIGINT')
    expect((await relay.ended).code).toBe(0)
  })

  it('passes the code of an error on', async () => {
    expect(await start(folder(), 'search').ended).toMatchObject({ code: 2, stdout: '' })
  })
})
