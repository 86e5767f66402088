/** Results that are kept as JSON. */

import { FileError } from '../ports/errors.js';
import { type RunStore, readText } from '../ports/run-store.js';

/** Parses JSON with null as NaN: a score that does not exist is NaN, which JSON writes as null. */
export function parseFacts(text: string): unknown {
  return JSON.parse(text, (_, value) => value ?? Number.NaN);
}

/**
 * Reads results from a file of a store; undefined if it is not there.
 *
 * @param isComplete whether they have what results must have; it may also throw.
 * @param fault what is wrong where they have not, and what to do, after the name of the file.
 * @throws FileError where the file is no JSON, or the results are not complete.
 */
export async function readJsonResults<T>(
  store: RunStore,
  path: string,
  isComplete: (results: T) => boolean,
  fault: string,
): Promise<T | undefined> {
  const text = await readText(store, path);
  if (text === undefined) return undefined;
  try {
    const results = parseFacts(text) as T;
    if (isComplete(results)) return results;
  } catch {
    // Damaged as well.
  }
  throw new FileError(`${store.name}/${path} ${fault}.`);
}
