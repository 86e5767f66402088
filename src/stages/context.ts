/** What every stage runs with: an engine and a watcher. */

import { silentWatcher, type Watcher } from '../ports/watcher.js';
import type { EngineSource } from '../train/engine-source.js';

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
