/** The golden reference data: numbers of the original implementation. See test/fixtures/golden/README.md. */

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const FOLDER = fileURLToPath(new URL('../fixtures/golden/', import.meta.url));

export function goldenJson<T>(path: string): T {
  return JSON.parse(readFileSync(FOLDER + path, 'utf8')) as T;
}
