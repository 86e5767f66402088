/**
 * How training, decoding and other long-running work reports its progress and learns that it should
 * stop. A terminal, a page or a test implements the other side.
 */

/** The progress of long-running work. */
export interface Progress {
  /** What is being done: 'training', 'decoding by the model'. */
  readonly activity: string;
  /** How many `unit`s are done. */
  readonly done?: number;
  /** How many `unit`s there are, where that is known. */
  readonly total?: number;
  /** What is counted: 'updates', 'windows'. */
  readonly unit?: string;
  /** More about the current state, such as the loss. */
  readonly detail?: string;
  /** Seconds until the end at the average pace so far. */
  readonly secondsLeft?: number;
}

/** Receives notes and progress from long-running work, and tells it whether to stop. */
export interface Watcher {
  /** Receives a sentence that should stay visible. */
  note(sentence: string): void;
  /** Receives the current progress, which replaces the last one. */
  progress(state: Progress): void;
  /** Whether the work should save and stop; it asks between steps. */
  shouldStop(): boolean;
  /**
   * Called with true when the work begins to ask `shouldStop`, and with false when it no longer
   * does. While it does not ask, a request to stop has to end the program at once.
   *
   * @param reaction what the work does when it is asked to stop, in a sentence for the user.
   */
  setStoppable?(isStoppable: boolean, reaction?: string): void;
}

/** Ignores everything and never stops the work. */
export const silentWatcher: Watcher = {
  note() {},
  progress() {},
  shouldStop: () => false,
};

/**
 * Starts a clock now and returns a function that reports progress, with the seconds left at the
 * average pace since then.
 */
export function timedProgress(
  watcher: Watcher,
  activity: string,
  unit: string,
): (done: number, total: number) => void {
  const start = performance.now();
  return (done, total) => {
    const secondsLeft = ((performance.now() - start) / 1000 / done) * (total - done);
    watcher.progress({ activity, done, total, unit, secondsLeft });
  };
}
