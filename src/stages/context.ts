/** What every stage is given: an engine and somebody who watches. */

import { silentWatcher, type Watcher } from '../ports/watcher.js';
import type { EngineSource } from '../train/engine-source.js';

export interface StageOptions {
  /** An engine, which stays the caller's, or what opens one. */
  readonly engine: EngineSource;
  /** Default: nobody watches. */
  readonly watcher?: Watcher;
}

/** The options with their default. */
export function stageContext({
  engine,
  watcher = silentWatcher,
}: StageOptions): Required<StageOptions> {
  return { engine, watcher };
}
