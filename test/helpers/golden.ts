/** Reference data computed with the original implementation, see test/fixtures/golden/README.md. */

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const FOLDER = fileURLToPath(new URL('../fixtures/golden/', import.meta.url));

/** Reads a JSON file of the reference data. @param path in test/fixtures/golden. */
export function goldenJson<T>(path: string): T {
  return JSON.parse(readFileSync(FOLDER + path, 'utf8')) as T;
}
