/** Errors of stages. */

/** A stage was asked for something impossible. The message says what is wrong and what to do. */
export class UsageError extends Error {
  override name = 'UsageError';
}

/** The user stopped the work. Running the same command again continues it. */
export class StoppedError extends Error {
  override name = 'StoppedError';
}
