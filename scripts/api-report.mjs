// The public names of each entry with their types, as reports in api/: `npm run api` writes them, `npm run api:check`
// compares, so that a change of the surface is seen in a review. A name that a public declaration needs is exported by
// its entry or by `headwater`: anything else is an error in both. Reads dist/: build first.
import fs from 'node:fs'
import path from 'node:path'
import { Extractor, ExtractorConfig, ExtractorLogLevel } from '@microsoft/api-extractor'
import { declared, publicNames } from './built-types.mjs'
import { root } from './setup.mjs'

const write = !process.argv.includes('--check')
/** The other entries' declarations import `headwater`, so that a compiler can name these from there. */
const ofHeadwater = new Set(publicNames())

const problems = []
fs.mkdirSync(path.join(root, 'api'), { recursive: true })
for (const entry of declared) {
  const config = ExtractorConfig.prepare({
    configObjectFullPath: undefined,
    packageJsonFullPath: path.join(root, 'package.json'),
    configObject: {
      projectFolder: root,
      mainEntryPointFilePath: path.join(root, 'dist', `${entry}.d.ts`),
      compiler: {
        overrideTsconfig: {
          compilerOptions: {
            target: 'ES2022',
            lib: ['ES2023', 'ESNext.Disposable', 'ESNext.AsyncIterable'],
            module: 'ESNext',
            moduleResolution: 'bundler',
            strict: true,
            skipLibCheck: true,
            types: ['node'],
          },
          files: [path.join(root, 'dist', `${entry}.d.ts`)],
        },
      },
      apiReport: {
        enabled: true,
        reportFileName: `${entry}.api.md`,
        reportFolder: path.join(root, 'api'),
        reportTempFolder: path.join(root, 'node_modules/.cache/headwater/api'),
      },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      newlineKind: 'lf',
      messages: {
        compilerMessageReporting: { default: { logLevel: 'error' } },
        extractorMessageReporting: {
          default: { logLevel: 'none' },
          'ae-forgotten-export': { logLevel: 'error', addToApiReportFile: false },
        },
        tsdocMessageReporting: { default: { logLevel: 'none' } },
      },
    },
  })
  const result = Extractor.invoke(config, {
    localBuild: write,
    messageCallback(message) {
      message.handled = true
      const [, name] = /^The symbol "(\w+)" needs to be exported/.exec(message.text) ?? []
      if (entry !== 'index' && ofHeadwater.has(name)) return
      if (message.logLevel === ExtractorLogLevel.Error) problems.push(`${entry}: ${message.text}`)
    },
  })
  if (result.apiReportChanged) {
    if (write) console.log(`api/${entry}.api.md written`)
    else
      problems.push(`api/${entry}.api.md differs from what the build exports: npm run api, and say it in CHANGELOG.md`)
  }
}

for (const problem of problems) console.error(problem)
console.log(`api: ${declared.length} entries, ${problems.length} problems`)
process.exitCode = problems.length > 0 ? 1 : 0
