// `npm start [-- FOLDER [--query "words"...]]`: the main job on a fresh clone, from install to ranked hits.
import path from 'node:path'
import { ensureBuilt, ensureInstalled, mustRun } from './setup.mjs'

ensureInstalled()
ensureBuilt()
// npm runs this in the project's folder; a folder is meant from where the user is.
const from = process.env.INIT_CWD ?? process.cwd()
const given = process.argv.slice(2)
const flag = given.findIndex((arg) => arg.startsWith('-'))
const isFolder = (at) => flag === -1 || at < flag
const args = given.map((arg, at) => (isFolder(at) ? path.resolve(from, arg) : arg))
mustRun(process.execPath, ['dist/cli.js', 'demo', ...args])
