/** What can go wrong with what a command was asked to do. */

/** A stage was asked for something that cannot be; one sentence with what to do. */
export class UsageError extends Error {
  override name = 'UsageError';
}

/** Work was stopped on request, and goes on where it was when it is asked for again. */
export class StoppedError extends Error {
  override name = 'StoppedError';
}
