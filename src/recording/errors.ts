/** A recording that cannot be used as it is: one sentence naming what, what was expected and what to do. */
export class RecordingError extends Error {
  override name = 'RecordingError';

  /** Names in damaged files may hold anything: what would move the cursor is shown as a question mark. */
  constructor(message: string) {
    super(message.replace(/\p{Cc}/gu, '?'));
  }
}

const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'permission is denied',
  EPERM: 'permission is denied',
  EROFS: 'it is on a read-only disk',
  ENOSPC: 'the disk is full',
  EDQUOT: 'your share of the disk is full',
  EISDIR: 'it is a folder',
  ENOTDIR: 'part of its path is a file',
  EEXIST: 'it exists already',
};

/** Why the system refused to read or write `what`, in words. */
export function reasonOf(error: unknown, what = 'file or folder'): string {
  const { code = '', message } = error as Error & { code?: string };
  return code === 'ENOENT' ? `there is no such ${what}` : (REASONS[code] ?? message);
}
