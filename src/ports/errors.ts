/** Errors of files that cannot be read or written, with the same words on every platform. */

/**
 * A file or folder that cannot be read or written. The message is a sentence with its name and the
 * reason.
 */
export class FileError extends Error {
  /** Always 'FileError', also in minified code. */
  override name = 'FileError';
}

/**
 * A source that cannot be read. The message is only the reason, such as 'it is a folder': the
 * caller completes the sentence with the name of the source.
 */
export class SourceError extends Error {
  /** Always 'SourceError', also in minified code. */
  override name = 'SourceError';
}

/** Reasons in words, by Node's error codes and by the names of the browsers' DOMExceptions. */
const REASON_WORDS: Readonly<Record<string, string>> = {
  EACCES: 'permission is denied',
  EPERM: 'permission is denied',
  EROFS: 'it is on a read-only disk',
  ENOSPC: 'the disk is full',
  EDQUOT: 'your disk quota is used up',
  EISDIR: 'it is a folder',
  ENOTDIR: 'part of its path is a file',
  EEXIST: 'it already exists',
  NotAllowedError: 'permission is denied',
  NotReadableError: 'it has changed since it was opened, or permission is denied',
  QuotaExceededError: "this site's storage is full",
  NoModificationAllowedError: 'another page or worker is writing it',
  TypeMismatchError: 'there is a file where a folder is needed, or the reverse',
};

/**
 * Why the platform refused to read or write something, in words. An error without words of its own
 * keeps the platform's message.
 *
 * @param kind what the path was expected to be, for 'there is no such ...'.
 */
export function reasonFor(error: unknown, kind = 'file or folder'): string {
  const { code, name, message } = error as Error & { code?: unknown };
  const key = typeof code === 'string' ? code : name;
  if (key === 'ENOENT' || key === 'NotFoundError') return `there is no such ${kind}`;
  return REASON_WORDS[key] ?? message;
}
