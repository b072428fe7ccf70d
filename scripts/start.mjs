// `npm start [-- FOLDER]`: the main job on a fresh clone, from install to ranked hits.
import path from 'node:path'
import { ensureBuilt, ensureInstalled, mustRun } from './setup.mjs'

ensureInstalled()
ensureBuilt()
// npm runs this in the project's folder; a folder is meant from where the user is.
const from = process.env.INIT_CWD ?? process.cwd()
const args = process.argv.slice(2).map((arg) => (arg.startsWith('-') ? arg : path.resolve(from, arg)))
mustRun(process.execPath, ['dist/cli.js', 'demo', ...args])
