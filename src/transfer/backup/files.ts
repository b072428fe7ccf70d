import type { CallOptions } from '../../core/abort'
import type { PlaceKeys } from './place-keys'

/** A file of a place, as a listing tells it. */
export interface BackupFile {
  /** Relative to the place, with forward slashes. */
  readonly name: string
  /** Bytes. */
  readonly size: number
  /** Epoch ms, by the clock of the place. */
  readonly modifiedAt: number
}

/**
 * Where backups lie: files under names with forward slashes, in a folder or in a bucket, laid out alike so that one can
 * be copied to the other with any tool. A file is there whole or not at all.
 */
export interface BackupFiles {
  /** For people: where it is, without keys. */
  readonly shown: string
  /** Absent where nothing is encrypted or signed. */
  readonly keys?: PlaceKeys | undefined
  /** Writes a file in one step, over one of the same name; returns its size. */
  put(name: string, source: Uint8Array | AsyncIterable<Uint8Array>, call?: CallOptions): Promise<number>
  /** Null when there is none. */
  stat(name: string, call?: CallOptions): Promise<BackupFile | null>
  /** The bytes; HW_BACKUP_DAMAGED when there is no such file. */
  read(name: string, call?: CallOptions): AsyncIterable<Uint8Array>
  /** All below `prefix`, which ends with a slash; in no particular order. */
  list(prefix: string, call?: CallOptions): AsyncIterable<BackupFile>
  /** Also when it is gone already. */
  remove(name: string, call?: CallOptions): Promise<void>
  /** Lets go of connections that were opened for it. */
  close(): Promise<void>
}
