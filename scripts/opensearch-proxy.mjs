#!/usr/bin/env node
// Stands before an OpenSearch and lets the Elasticsearch client in, for OpenSearch has the analyzers that the
// Elasticsearch of the registry lacks:
//   node scripts/opensearch-proxy.mjs LISTEN_PORT SERVER_PORT [FOLDER]    ends when the folder is gone
// It translates what the two say differently (media types, the product's name, the version, two requests) and nothing
// else; every other thing is tried on the real server.
import fs from 'node:fs'
import http from 'node:http'

const [listen, server] = process.argv.slice(2, 4).map(Number)
const folder = process.argv[4]

/** `application/vnd.elasticsearch+x-ndjson; compatible-with=8` is `application/x-ndjson` there. */
const mediaType = (value) => value.replace(/vnd\.elasticsearch\+([a-z-]+)(\s*;\s*compatible-with=\d+)?/g, '$1')

/** As Elasticsearch says it, as OpenSearch does; stored scripts hold a query as a string. */
function translate(value, path) {
  if (typeof value === 'string' && path.startsWith('/_scripts')) {
    return value.replaceAll('"combined_fields":{', '"multi_match":{"type":"cross_fields",')
  }
  if (Array.isArray(value)) return value.map((one) => translate(one, path))
  if (typeof value !== 'object' || value === null) return value
  const said = {}
  for (const [key, inner] of Object.entries(value)) {
    if (key === 'allow_auto_create' && path.startsWith('/_index_template')) continue
    if (key === 'combined_fields') said.multi_match = { ...inner, type: 'cross_fields' }
    else said[key] = translate(inner, path)
  }
  return said
}

function requestBody(body, path, headers) {
  const queries = /\/_(search|msearch|scripts)|^\/_index_template/.test(path)
  if (body.length === 0 || !queries || headers['content-type'] !== 'application/json') return body
  return Buffer.from(JSON.stringify(translate(JSON.parse(body), path)))
}

function answerBody(body, path) {
  if (!path.startsWith('/_nodes')) return body
  return Buffer.from(body.toString().replace(/"version"\s*:\s*"2\.[\d.]+"/g, '"version":"8.19.0"'))
}

async function bytesOf(stream) {
  const parts = []
  for await (const part of stream) parts.push(part)
  return Buffer.concat(parts)
}

function ask(options, body) {
  return new Promise((resolve, reject) => {
    const request = http.request(options, resolve)
    request.on('error', reject)
    request.end(body)
  })
}

async function pass(incoming, outgoing) {
  const { 'transfer-encoding': _, 'accept-encoding': __, ...headers } = incoming.headers
  for (const name of ['content-type', 'accept']) if (headers[name]) headers[name] = mediaType(headers[name])
  const body = requestBody(await bytesOf(incoming), incoming.url, headers)
  const target = { host: '127.0.0.1', port: server, method: incoming.method, path: incoming.url }
  const answer = await ask({ ...target, headers: { ...headers, 'content-length': body.length } }, body)
  const said = answerBody(await bytesOf(answer), incoming.url)
  const { 'transfer-encoding': ___, ...kept } = answer.headers
  const length = incoming.method === 'HEAD' ? {} : { 'content-length': said.length }
  outgoing.writeHead(answer.statusCode, { ...kept, ...length, 'x-elastic-product': 'Elasticsearch' })
  outgoing.end(said)
}

// One that fails is cut off, as by a server that died.
http
  .createServer((incoming, outgoing) => pass(incoming, outgoing).catch(() => incoming.destroy()))
  .listen(listen, '127.0.0.1')

if (folder) setInterval(() => fs.existsSync(folder) || process.exit(), 500)
