/** Golden data: numbers that another implementation computed; test/fixtures says which. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const FIXTURES = fileURLToPath(new URL('../fixtures/', import.meta.url));

/**
 * Reads a JSON file of golden data.
 *
 * @param path in the folder of the source
 * @param source a folder of test/fixtures; `golden` has the numbers of the original implementation
 */
export function goldenJson<T>(path: string, source = 'golden'): T {
  return JSON.parse(readFileSync(join(FIXTURES, source, path), 'utf8')) as T;
}
