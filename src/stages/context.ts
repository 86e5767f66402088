/** What every stage runs with: an engine and a watcher. */

import { silentWatcher, type Watcher } from '../ports/watcher.js';
import type { EngineSource } from '../train/engine-source.js';
import { StoppedError } from './errors.js';

/** The engine and the watcher of a stage. */
export interface StageOptions {
  /** An engine, which stays the caller's, or a function that creates one. */
  readonly engine: EngineSource;
  /** Receives notes and progress, and may ask long work to stop. Default: none. */
  readonly watcher?: Watcher;
}

/** Fills in the default watcher. */
export function stageContext({
  engine,
  watcher = silentWatcher,
}: StageOptions): Required<StageOptions> {
  return { engine, watcher };
}

/**
 * Runs work during which the watcher may ask to stop.
 *
 * @param reaction what a stop does, in a sentence.
 */
export async function whileStoppable<T>(
  watcher: Watcher,
  reaction: string,
  work: () => Promise<T>,
): Promise<T> {
  watcher.setStoppable?.(true, reaction);
  try {
    return await work();
  } finally {
    watcher.setStoppable?.(false);
  }
}

/**
 * Runs work that may be stopped whenever it reports its progress.
 *
 * @param work receives the watcher to report to, whose `progress` ends the work by throwing. It
 *   should write no results, so that a stop leaves none that are incomplete.
 * @param reaction what a stop does, in a sentence.
 * @throws StoppedError where the watcher asks to stop.
 */
export async function stoppable<T>(
  watcher: Watcher,
  work: (watcher: Watcher) => Promise<T>,
  reaction = 'Stopping without results.',
): Promise<T> {
  return await whileStoppable(watcher, reaction, () =>
    work({
      note: (sentence) => watcher.note(sentence),
      progress(state) {
        if (watcher.shouldStop()) throw new StoppedError();
        watcher.progress(state);
      },
      shouldStop: () => watcher.shouldStop(),
    }),
  );
}
