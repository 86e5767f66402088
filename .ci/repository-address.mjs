/**
 * Writes the repository's address wherever it stands: package.json, README.md and CITATION.cff.
 *
 *     node .ci/repository-address.mjs https://github.com/OWNER/NAME
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { argv } from 'node:process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const address = argv[2] ?? '';
if (!/^https:\/\/[\w.-]+\/[\w.-]+\/[\w.-]+(?<!\.git)$/.test(address)) {
  console.error(`The address should be like https://github.com/OWNER/NAME, but is "${address}".`);
  process.exit(1);
}
const { homepage } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const present = homepage.replace('#readme', '');
for (const name of ['package.json', 'README.md', 'CITATION.cff']) {
  const path = join(root, name);
  writeFileSync(path, readFileSync(path, 'utf8').replaceAll(present, address));
}
