// The search servers that tests run on, as Maven has them: artifacts of integration tests, the real servers without most
// modules (language analyzers, synonyms, search templates, reindex). OpenSearch's modules are in Maven, Elasticsearch's
// are not: it gets the analyzers and the templates. Needs Maven and python3 to fetch.
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'

const COPY = 'org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy'
const ELASTICSEARCH = 'org.elasticsearch.distribution.integ-test-zip:elasticsearch'
const OPENSEARCH = '2.19.6'

/** By name: the product whose programs and settings are named after it, its version, and the Javas it runs on. */
export const distributions = {
  elasticsearch: { product: 'elasticsearch', version: '8.19.21', artifact: ELASTICSEARCH, java: [17], modules: [] },
  elasticsearch9: { product: 'elasticsearch', version: '9.2.0', artifact: ELASTICSEARCH, java: [21], modules: [] },
  opensearch: {
    product: 'opensearch',
    version: OPENSEARCH,
    artifact: 'org.opensearch.distribution.integ-test-zip:opensearch',
    // Its security manager is not in later ones.
    java: [17, 23],
    modules: [
      {
        name: 'analysis-common',
        classname: 'org.opensearch.analysis.common.CommonAnalysisPlugin',
        jars: [`org.opensearch.plugin:analysis-common:${OPENSEARCH}`],
      },
      {
        name: 'lang-mustache',
        classname: 'org.opensearch.script.mustache.MustachePlugin',
        jars: [
          `org.opensearch.plugin:lang-mustache-client:${OPENSEARCH}`,
          'com.github.spullara.mustache.java:compiler:0.9.14',
        ],
      },
    ],
  },
}

/** The folder of the unpacked server in `cache`, fetched on first use. */
export function downloadDistribution(cache, name) {
  const { product, version, artifact, modules } = distributions[name]
  const folder = `${product}-${version}`
  const target = path.join(cache, folder)
  if (fs.existsSync(target)) return target
  process.stderr.write(`services: fetching ${artifact}:${version} into ${target}\n`)
  fs.mkdirSync(cache, { recursive: true })
  const partial = fs.mkdtempSync(path.join(cache, 'partial-'))
  try {
    fetch(`${artifact}:${version}:zip`, partial)
    must('python3', ['-m', 'zipfile', '-e', path.join(partial, `${folder}.zip`), partial])
    const server = path.join(partial, folder)
    for (const module of modules) addModule(server, module)
    // What unpacks it forgets which files are programs.
    const bin = path.join(server, 'bin')
    for (const file of fs.readdirSync(bin)) fs.chmodSync(path.join(bin, file), 0o755)
    // Another process may have been faster, and its server be in use.
    if (!fs.existsSync(target)) fs.renameSync(server, target)
  } finally {
    fs.rmSync(partial, { recursive: true, force: true })
  }
  return target
}

/** The descriptor is that of a module which is there, with another name and class. */
function addModule(server, { name, classname, jars }) {
  const modules = path.join(server, 'modules')
  const folder = path.join(modules, name)
  fs.mkdirSync(folder)
  for (const jar of jars) fetch(jar, folder)
  const descriptor = 'plugin-descriptor.properties'
  const model = fs.readFileSync(path.join(modules, 'transport-netty4', descriptor), 'utf8')
  const values = { name, classname, description: name, 'extended.plugins': '' }
  const lines = model
    .split('\n')
    .filter((line) => line.trim() !== '' && !line.startsWith('#'))
    .map((line) => {
      const key = line.slice(0, line.indexOf('='))
      return key in values ? `${key}=${values[key]}` : line
    })
  fs.writeFileSync(path.join(folder, descriptor), `${lines.join('\n')}\n`)
}

function fetch(artifact, folder) {
  must('mvn', ['-q', '-B', '-Dstyle.color=never', COPY, `-Dartifact=${artifact}`, `-DoutputDirectory=${folder}`])
}

function must(command, args) {
  const done = spawnSync(command, args, { stdio: ['ignore', 2, 2] })
  if (done.error?.code === 'ENOENT')
    throw new Error(
      `${command} was not found: install it (Debian: apt-get install ${command === 'mvn' ? 'maven' : command})`,
    )
  if (done.status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${done.status ?? done.error}`)
}
