export type {
  PostgresClient,
  PostgresPool,
  PostgresQuery,
  PostgresResult,
  TypeParsers,
} from '../connections/postgres/client'
export type { PostgresOptions, RowLevelSecurityMode } from '../connections/postgres/options'
export type { BackoffOptions } from '../resilience/backoff'
export type { BreakerOptions, Outcome } from '../resilience/breaker'
export type { BudgetOptions } from '../resilience/budget'
export type { BulkheadOptions } from '../resilience/bulkhead'
export type { CounterOptions } from '../resilience/counter'
export type { PolicyOptions } from '../resilience/policy'
export type { RetryOptions } from '../resilience/retry'
export type { SchemaManifest, TableManifest } from './introspect'
export { schemaManifest } from './manifest'
export { type MigrateOptions, type MigrateResult, migrate } from './migrate'
export { assertMigrated, type MigrationStatus, migrationStatus } from './status'
export type { MigrationConnection, MigrationTarget, SchemaOptions } from './target'
