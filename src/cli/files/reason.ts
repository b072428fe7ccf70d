const reasons: Readonly<Record<string, string>> = {
  EACCES: 'no permission',
  EPERM: 'no permission',
  ENOENT: 'vanished, or a link to nowhere',
  ENOTDIR: 'vanished',
  ELOOP: 'a link to itself',
  EISDIR: 'not a regular file',
  ENAMETOOLONG: 'its path is too long',
  EIO: 'could not be read (input/output error)',
  EMFILE: 'too many open files',
}

/** Why a file or folder could not be read, in words. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const code: unknown = Reflect.get(error, 'code')
  return (typeof code === 'string' && reasons[code]) || error.message
}
