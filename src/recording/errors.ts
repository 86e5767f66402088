/** A recording that cannot be used as it is: one sentence naming what, what was expected and what to do. */
export class RecordingError extends Error {
  override name = 'RecordingError';

  /** Names in damaged files may hold anything: what would move the cursor is shown as a question mark. */
  constructor(message: string) {
    super(message.replace(/\p{Cc}/gu, '?'));
  }
}
