/** The error for recordings that cannot be used. */

/**
 * A recording that cannot be used. The message says what is wrong, what was expected and what to
 * do.
 */
export class RecordingError extends Error {
  /** Identifies the class also in a minified bundle. */
  override name = 'RecordingError';

  /**
   * @param message control characters in it become question marks: names quoted from a damaged file
   *   may contain any, and some move the cursor of a terminal
   */
  constructor(message: string) {
    super(message.replace(/\p{Cc}/gu, '?'));
  }
}
