/** Files that cannot be read or written: one sentence each, whatever the platform calls the reason. */

/** A file or folder that cannot be read or written; one sentence with its name, the reason and what to do. */
export class FileError extends Error {
  override name = 'FileError';
}

/** Why a source cannot be read, as the end of a sentence that begins with its name. */
export class SourceError extends Error {
  override name = 'SourceError';
}

/** What Node (error codes) and browsers (names of DOMExceptions) call common reasons, in words. */
const REASON_WORDS: Readonly<Record<string, string>> = {
  EACCES: 'permission is denied',
  EPERM: 'permission is denied',
  EROFS: 'it is on a read-only disk',
  ENOSPC: 'the disk is full',
  EDQUOT: 'your share of the disk is full',
  EISDIR: 'it is a folder',
  ENOTDIR: 'part of its path is a file',
  EEXIST: 'it exists already',
  NotAllowedError: 'permission is denied',
  NotReadableError: 'it has changed since it was opened, or permission is denied',
  QuotaExceededError: 'the storage of this site is full',
  NoModificationAllowedError: 'another page or worker is writing it',
  TypeMismatchError: 'a file stands where a folder is needed, or the reverse',
};

/** Why the platform refused to read or write a `kind` of thing, in words. */
export function reasonFor(error: unknown, kind = 'file or folder'): string {
  const { code, name, message } = error as Error & { code?: unknown };
  const key = typeof code === 'string' ? code : name;
  if (key === 'ENOENT' || key === 'NotFoundError') return `there is no such ${kind}`;
  return REASON_WORDS[key] ?? message;
}
