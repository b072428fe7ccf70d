/**
 * One step of the schema, as statements for a schema whose name is quoted already. A step that was released is never
 * changed; `down` undoes all that `up` made.
 */
export interface SchemaMigration {
  up(schema: string): string[]
  down(schema: string): string[]
}
