/** Rows that are users' own and that going down would lose. `table` is quoted; `where` is a condition of its rows. */
export interface KeptRows {
  readonly table: string
  readonly where: string
}

/**
 * One step of the schema, as statements for a schema whose name is quoted already. A step that was released is never
 * changed; `down` undoes all that `up` made, and nothing that others made in the same schema.
 *
 * The number at the start of its name is the level of the schema, and that of the newest one that a package knows is the
 * level of the package. What each must state:
 */
export interface SchemaMigration {
  /**
   * The oldest package level whose code still does everything right on the schema that `up` leaves, for as long as
   * processes of both run beside each other. Recorded in the database, where an older process reads it: at this level or
   * above it opens, below it is HW_MIGRATION_AHEAD.
   *
   * A new table, index, nullable column or column with a default that old code may leave at its default: the level
   * before this one, and whatever that could run on (`oldest` of the step before, at best). What old code would write
   * wrongly, not see, or break upon (a column renamed or dropped, a constraint that its writes violate, a meaning that
   * changed): this step's own level.
   */
  readonly oldest: number
  up(schema: string): string[]
  down(schema: string): string[]
  /**
   * What of users' data `down` drops, so that `migrate down` refuses (HW_MIGRATION_LOSES_DATA) while there are such rows,
   * unless `withData` is set. Left out: nothing but what can be made again (an index, a reservation, a cache).
   */
  data?(schema: string): KeptRows[]
}
