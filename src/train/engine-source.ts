/** Where long work gets its engine from. */

import type { Engine } from '../gpu/engine.js';

/** An engine, which stays the caller's; or what opens one, again where a device is lost, which is disposed of after use. */
export type EngineSource = Engine | (() => Promise<Engine>);

/** Runs work on an engine of the source's. */
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
