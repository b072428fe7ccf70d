import type { Client } from 'minio'
import type { S3Client } from '../../src/connections/s3/client'
import type { S3Options } from '../../src/connections/s3/options'

/** Compiled, never run: the real client of minio is what the structural type asks for. */
export const clientFits = (client: Client): S3Client => client
export const optionsTakeIt = (client: Client): S3Options => ({ client })

// @ts-expect-error: a function is no client
export const functionIsNoClient = (client: () => void): S3Client => client
