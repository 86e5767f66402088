// Which rooms of src/ may import which: arrows point one way only, and the core needs neither Node nor a package.
// Run by `npm run lint`; prints every import that breaks a rule and exits with 1.

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Each room's direct neighbours below; a room may import what its neighbours may. */
const BELOW = {
  math: [],
  text: ['recording'],
  cpu: [],
  gpu: [],
  tensor: ['gpu', 'math'],
  nn: ['tensor', 'math'],
  recording: ['math', 'text'],
  neuroformer: ['nn', 'recording'],
  generate: ['neuroformer'],
  simulate: ['recording'],
  formats: ['recording'],
  dataset: ['formats', 'simulate'],
  node: ['neuroformer', 'recording'],
  train: ['neuroformer', 'dataset', 'node'],
  analyze: ['neuroformer', 'simulate', 'probe'],
  probe: ['analyze', 'generate', 'train'],
  report: ['probe'],
  stages: ['report', 'cli'],
  cli: ['stages', 'node.ts'],
  reference: ['math'],
  'create-engine.ts': ['cpu', 'gpu'],
  'index.ts': ['create-engine.ts', 'generate', 'simulate'],
  'node.ts': ['index.ts', 'node', 'dataset'],
};

/** Rooms that run in a browser as they are: no package, nothing of Node. */
const BROWSER_SAFE = [
  'math',
  'cpu',
  'gpu',
  'tensor',
  'nn',
  'recording',
  'neuroformer',
  'generate',
  'reference',
  'create-engine.ts',
  'index.ts',
];

/** The one file that may import Dawn. */
const DAWN = 'node.ts';

function reachable(room, seen = new Set([room])) {
  for (const below of BELOW[room] ?? []) {
    if (!seen.has(below)) {
      seen.add(below);
      reachable(below, seen);
    }
  }
  return seen;
}

function filesBelow(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return filesBelow(path);
    return entry.name.endsWith('.ts') ? [path] : [];
  });
}

const roomOf = (path) => path.split('/')[0];

function complaintsAbout(file) {
  const path = relative(join(ROOT, 'src'), file);
  const room = roomOf(path);
  if (!(room in BELOW))
    return [`src/${path}: "${room}" is no room; add it to test/lint/imports.mjs`];
  const allowed = reachable(room);
  const complaints = [];
  for (const [, target] of readFileSync(file, 'utf8').matchAll(
    /(?:from|import)\s*\(?\s*'([^']+)'/g,
  )) {
    if (target.startsWith('.')) {
      const to = posix.join(dirname(path), target).replace(/\.js$/, '.ts');
      if (to.startsWith('..')) complaints.push(`src/${path}: imports ${target}, outside src/`);
      else if (!allowed.has(roomOf(to)))
        complaints.push(`src/${path}: ${room} may not import ${roomOf(to)} (${target})`);
    } else if (target === 'webgpu' && path !== DAWN) {
      complaints.push(`src/${path}: only src/${DAWN} imports webgpu`);
    } else if (BROWSER_SAFE.includes(room)) {
      complaints.push(`src/${path}: ${room} runs in browsers and may not import ${target}`);
    }
  }
  return complaints;
}

const files = filesBelow(join(ROOT, 'src'));
const complaints = files.flatMap(complaintsAbout);
for (const complaint of complaints) console.error(complaint);
console.log(`imports of ${files.length} files: ${complaints.length} break a rule`);
process.exitCode = complaints.length > 0 ? 1 : 0;
