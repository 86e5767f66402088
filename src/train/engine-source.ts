/** Where long-running work gets its engine. */

import type { Engine } from '../gpu/engine.js';

/**
 * An engine, or a function that creates one.
 *
 * An engine passed in stays the caller's. An engine that the function created is disposed of after
 * use. After a device loss only the function can provide a new engine.
 */
export type EngineSource = Engine | (() => Promise<Engine>);

/** Runs work on an engine from the source, and disposes of the engine if the source created it. */
export async function withEngine<T>(
  source: EngineSource,
  work: (engine: Engine) => Promise<T>,
): Promise<T> {
  if (typeof source !== 'function') return work(source);
  const engine = await source();
  try {
    return await work(engine);
  } finally {
    engine.dispose();
  }
}
