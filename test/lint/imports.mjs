// Which rooms of src/ may import which, and which packages: arrows point one way only, and all rooms but those named run
// in a browser. Run by `npm run lint`; prints every import that breaks a rule and exits with 1.

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Rooms from the bottom up, each with its neighbors below; a room may import what its neighbors may. */
const BELOW = {
  math: [],
  text: [],
  cpu: [],
  gpu: [],
  reference: ['math'],
  ports: ['text'],
  tensor: ['gpu', 'math'],
  nn: ['tensor'],
  recording: ['math', 'text', 'ports'],
  neuroformer: ['nn', 'recording'],
  generate: ['neuroformer'],
  simulate: ['recording'],
  formats: ['recording', 'ports'],
  dataset: ['formats', 'simulate'],
  train: ['neuroformer', 'dataset'],
  analyze: ['recording', 'simulate'],
  probe: ['analyze', 'generate', 'train'],
  report: ['probe'],
  stages: ['report', 'version.gen.ts'],
  node: ['neuroformer', 'dataset', 'create-engine.ts'],
  cli: ['stages', 'node.ts', 'engine.ts'],
  'version.gen.ts': [],
  'create-engine.ts': ['cpu', 'gpu'],
  'engine.ts': ['create-engine.ts', 'nn'],
  'index.ts': ['create-engine.ts', 'stages'],
  'node.ts': ['index.ts', 'node'],
  examples: [],
};

/** Packages that a room may import; no other room may. */
const PACKAGES = {
  text: ['yaml'],
  ports: ['@noble/hashes/sha2.js'],
  formats: ['csv-parse/sync', 'fflate', 'h5wasm'],
  dataset: ['yaml'],
  report: ['fflate', 'vega', 'vega-lite'],
  stages: ['yaml'],
  node: ['webgpu', 'tar-fs'],
  cli: ['commander', 'yaml'],
  examples: ['neuroformer-webgpu', 'neuroformer-webgpu/engine', 'neuroformer-webgpu/node'],
};

/** The rooms that do not run in browsers: they alone may import modules of Node. */
const NODE_ROOMS = ['node', 'cli'];

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

/** What a file imports, types included: its own files by path from src/, others as they stand. */
function importsIn(file) {
  const path = relative(join(ROOT, 'src'), file);
  const targets = readFileSync(file, 'utf8').matchAll(/(?:from|import)\s*\(?\s*'([^'\s]+)'[;)]/g);
  return [...targets].map(([, target]) =>
    target.startsWith('.')
      ? { own: posix.join(dirname(path), target).replace(/\.js$/, '.ts') }
      : { foreign: target },
  );
}

function problemsIn(file) {
  const path = relative(join(ROOT, 'src'), file);
  const room = roomOf(path);
  if (!(room in BELOW))
    return [`src/${path}: "${room}" is not a room; add it to test/lint/imports.mjs`];
  const allowed = reachable(room);
  return importsIn(file).flatMap(({ own, foreign }) => {
    if (own?.startsWith('..')) return [`src/${path}: imports ${own}, outside src/`];
    if (own !== undefined)
      return allowed.has(roomOf(own)) ? [] : [`src/${path}: ${room} may not import ${own}`];
    if (foreign.startsWith('node:'))
      return NODE_ROOMS.includes(room)
        ? []
        : [`src/${path}: ${room} runs in browsers and may not import ${foreign}`];
    return PACKAGES[room]?.includes(foreign)
      ? []
      : [`src/${path}: ${room} may not import ${foreign}`];
  });
}

/** Files that import one another in a circle, types left aside: the circle, or nothing. */
function circleIn(files) {
  const graph = new Map(
    files.map((file) => {
      const path = relative(join(ROOT, 'src'), file);
      const text = readFileSync(file, 'utf8').replaceAll(/^import type [^;]+;$/gm, '');
      const targets = text.matchAll(/(?:from|import)\s+'(\.[^']+)'/g);
      const own = [...targets].map(([, t]) => posix.join(dirname(path), t).replace(/\.js$/, '.ts'));
      return [path, own];
    }),
  );
  const done = new Set();
  const visit = (path, trail) => {
    if (trail.includes(path)) return [...trail.slice(trail.indexOf(path)), path];
    if (done.has(path)) return undefined;
    for (const next of graph.get(path) ?? []) {
      const circle = visit(next, [...trail, path]);
      if (circle) return circle;
    }
    done.add(path);
    return undefined;
  };
  for (const path of graph.keys()) {
    const circle = visit(path, []);
    if (circle) return circle;
  }
  return undefined;
}

const files = filesBelow(join(ROOT, 'src'));
const problems = files.flatMap(problemsIn);
const circle = circleIn(files);
if (circle) problems.push(`a circle of imports: ${circle.join(' -> ')}`);
for (const problem of problems) console.error(problem);
console.log(`imports of ${files.length} files: ${problems.length} break a rule`);
process.exitCode = problems.length > 0 ? 1 : 0;
