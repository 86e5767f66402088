/** A recording that cannot be used as it is: one sentence naming what, what was expected and what to do. */
export class RecordingError extends Error {
  override name = 'RecordingError';
}
