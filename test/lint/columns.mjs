// Checks that comments have at most 100 columns. Biome wraps code to that and leaves comments
// alone. Run by `npm run lint`: prints every longer line, and exits with 1 if there is one.

import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const FOLDERS = ['src', 'test', 'bench', 'shaders', '.ci'];
const MAX_COLUMNS = 100;

/** A line that is a comment and nothing else, or a part of one. */
const COMMENT = /^\s*(\/\/|\/\*\*|\*)/;

/** The sources in a folder and the folders inside it, without those of packages. */
function listSources(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return entry.name === 'node_modules' ? [] : listSources(path);
    return /(?<!\.gen)\.(ts|mjs)$/.test(entry.name) ? [path] : [];
  });
}

const files = FOLDERS.flatMap((folder) => listSources(join(ROOT, folder)));
let count = 0;
for (const file of files) {
  for (const [n, line] of readFileSync(file, 'utf8').split('\n').entries()) {
    if (line.length <= MAX_COLUMNS || !COMMENT.test(line)) continue;
    console.log(`${relative(ROOT, file)}:${n + 1}: a comment of ${line.length} columns`);
    count += 1;
  }
}
console.log(
  `comments of ${files.length} files: ${count} lines have more than ${MAX_COLUMNS} columns`,
);
process.exitCode = count > 0 ? 1 : 0;
