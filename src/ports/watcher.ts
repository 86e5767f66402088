/** Who watches long work: a terminal, a page, a test. */

/** How far something is. */
export interface Progress {
  /** What is being done: 'training', 'decoding by the model'. */
  readonly activity: string;
  /** How many of how many, where that is known, and of what: 'updates', 'windows'. */
  readonly done?: number;
  readonly total?: number;
  readonly unit?: string;
  /** More about it, such as the loss. */
  readonly detail?: string;
  /** Seconds that the rest takes at the pace so far. */
  readonly secondsLeft?: number;
}

/** Told of what long work does, and asked whether it should stop. */
export interface Watcher {
  /** A sentence that stays. */
  note(sentence: string): void;
  /** How far the work is; what was said before is out of date. */
  progress(state: Progress): void;
  /** Asked between steps: whether to save and stop. */
  shouldStop(): boolean;
  /**
   * Told when what runs begins to ask whether it should stop, and when it no longer does: until then a wish to stop has to
   * end it at once.
   */
  canStop?(does: boolean): void;
}

/** Nobody watches. */
export const silentWatcher: Watcher = {
  note() {},
  progress() {},
  shouldStop: () => false,
};

/** Starts a clock: what is returned reports progress with the seconds that the rest takes at the pace so far. */
export function timedProgress(
  watcher: Watcher,
  activity: string,
  unit: string,
): (done: number, total: number) => void {
  const began = performance.now();
  return (done, total) => {
    const secondsLeft = ((performance.now() - began) / 1000 / done) * (total - done);
    watcher.progress({ activity, done, total, unit, secondsLeft });
  };
}
