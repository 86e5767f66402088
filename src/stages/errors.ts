/** Errors of stages. */

/** A stage was asked for something impossible. The message says what is wrong and what to do. */
export class UsageError extends Error {
  /** Tells it from other errors where `instanceof` cannot, as between packages. */
  override name = 'UsageError';
}

/** The watcher stopped the work. The same call does it again, without what is finished already. */
export class StoppedError extends Error {
  /** Tells it from other errors where `instanceof` cannot, as between packages. */
  override name = 'StoppedError';

  /** @param message what is there and what to do. Default: that there are no results */
  constructor(message = 'Stopped before all results were written: run it again to get them.') {
    super(message);
  }
}
