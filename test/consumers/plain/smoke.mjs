// The package as an ES module: every entry, and a store that is written, searched and closed.
import assert from 'node:assert/strict'
import { openStore } from 'headwater'
import { createBackup, restoreBackup } from 'headwater/backup'
import { mastery } from 'headwater/entities'
import { migrate } from 'headwater/migrations'
import { createTestStore } from 'headwater/testing'
import { applyImport, inspectImport, reportDrift } from 'headwater/transfer'

for (const entry of [migrate, createBackup, restoreBackup, mastery, inspectImport, applyImport, reportDrift])
  assert.equal(typeof entry, 'function')
for (const open of [() => openStore({ embedded: { path: ':memory:' }, embedder: { hashing: {} } }), createTestStore]) {
  const store = await open()
  try {
    const acme = store.forTenant('acme')
    const receipt = await acme.documents.put({ id: 'a', title: 'Leave', text: 'Parental leave is sixteen weeks.' })
    await acme.waitFor(receipt)
    const { hits } = await acme.search({ query: 'parental leave' })
    assert.equal(hits[0]?.documentId, 'a')
  } finally {
    await store.close()
  }
}
console.log('smoke: ok')
