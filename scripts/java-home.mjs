// Which of the installed Javas a server can run on.
import fs from 'node:fs'
import path from 'node:path'

const JVMS = '/usr/lib/jvm'

/** Home of a Java of version `least` to `most`: ES_JAVA_HOME, JAVA_HOME, the `java` on the path, or the oldest fit one beside it. */
export function findJava(least, most = Number.POSITIVE_INFINITY) {
  const named = [process.env.ES_JAVA_HOME, process.env.JAVA_HOME, ...onPath()]
  const beside = fs.existsSync(JVMS) ? fs.readdirSync(JVMS).map((name) => path.join(JVMS, name)) : []
  const fit = (home) => home && versionOf(home) >= least && versionOf(home) <= most
  return named.find(fit) ?? beside.filter(fit).sort((one, other) => versionOf(one) - versionOf(other))[0]
}

function onPath() {
  return (process.env.PATH ?? '')
    .split(path.delimiter)
    .map((folder) => path.join(folder, 'java'))
    .filter((java) => fs.existsSync(java))
    .map((java) => path.dirname(path.dirname(fs.realpathSync(java))))
}

/** As its `release` file has it; 0 where there is none, for then it is no Java that can be named. */
function versionOf(home) {
  try {
    if (!fs.existsSync(path.join(home, 'bin', 'java'))) return 0
    const release = fs.readFileSync(path.join(home, 'release'), 'utf8')
    return Number(/^JAVA_VERSION="(\d+)/m.exec(release)?.[1] ?? 0)
  } catch {
    return 0
  }
}
