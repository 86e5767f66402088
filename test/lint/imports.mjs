// Checks which rooms (folders) of src/ import which, and which packages they import. Imports point
// one way only, and every room but those in NODE_ROOMS runs in a browser. Run by `npm run lint`:
// prints every import that breaks a rule, and exits with 1 if there is one.

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Rooms from the bottom up, each with those it may import; it may also import what those may. */
const BELOW = {
  math: [],
  text: [],
  cpu: [],
  gpu: ['text'],
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
  analyze: ['recording', 'simulate'],
  train: ['neuroformer', 'dataset', 'analyze'],
  probe: ['generate', 'train'],
  setup: ['probe'],
  report: ['probe'],
  stages: ['report', 'setup', 'version.gen.ts'],
  paper: ['stages'],
  node: ['neuroformer', 'dataset', 'create-engine.ts'],
  cli: ['paper', 'node.ts', 'engine.ts'],
  'version.gen.ts': [],
  'create-engine.ts': ['cpu', 'gpu'],
  'engine.ts': ['create-engine.ts', 'nn'],
  'index.ts': ['create-engine.ts', 'stages'],
  'node.ts': ['index.ts', 'node'],
  examples: [],
};

/** The packages that each room may import. */
const PACKAGES = {
  text: ['yaml'],
  ports: ['@noble/hashes/sha2.js'],
  formats: ['csv-parse/sync', 'fflate', 'h5wasm'],
  dataset: ['yaml'],
  report: ['fflate', 'vega', 'vega-lite'],
  stages: ['yaml'],
  paper: ['yaml'],
  node: ['webgpu', 'tar-fs'],
  cli: ['commander', 'yaml'],
  examples: ['neuroformer-webgpu', 'neuroformer-webgpu/engine', 'neuroformer-webgpu/node'],
};

/** The rooms that do not run in browsers. Only they may import modules of Node. */
const NODE_ROOMS = ['node', 'cli'];

/** The room and all that it may import. */
function importableRooms(room, rooms = new Set([room])) {
  for (const below of BELOW[room] ?? []) {
    if (!rooms.has(below)) {
      rooms.add(below);
      importableRooms(below, rooms);
    }
  }
  return rooms;
}

/** The .ts files in a folder and the folders inside it. */
function listFiles(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return listFiles(path);
    return entry.name.endsWith('.ts') ? [path] : [];
  });
}

const roomName = (path) => path.split('/')[0];

/** What a file imports, types included: files by their path from src/, modules by their name. */
function listImports(file) {
  const path = relative(join(ROOT, 'src'), file);
  const targets = readFileSync(file, 'utf8').matchAll(/(?:from|import)\s*\(?\s*'([^'\s]+)'[;)]/g);
  return [...targets].map(([, target]) =>
    target.startsWith('.')
      ? { imported: posix.join(dirname(path), target).replace(/\.js$/, '.ts') }
      : { module: target },
  );
}

function findProblems(file) {
  const path = relative(join(ROOT, 'src'), file);
  const room = roomName(path);
  if (!(room in BELOW))
    return [`src/${path}: "${room}" is not a room; add it to test/lint/imports.mjs`];
  const rooms = importableRooms(room);
  return listImports(file).flatMap(({ imported, module }) => {
    if (imported?.startsWith('..')) return [`src/${path}: imports ${imported}, outside src/`];
    if (imported !== undefined)
      return rooms.has(roomName(imported))
        ? []
        : [`src/${path}: ${room} may not import ${imported}`];
    if (module.startsWith('node:'))
      return NODE_ROOMS.includes(room)
        ? []
        : [
            `src/${path}: ${room} may not import ${module}: only ${NODE_ROOMS.join(' and ')} may import modules of Node`,
          ];
    return PACKAGES[room]?.includes(module)
      ? []
      : [`src/${path}: ${room} may not import ${module}`];
  });
}

/** A cycle of files that import each other, type imports left aside; undefined if there is none. */
function findCycle(files) {
  const graph = new Map(
    files.map((file) => {
      const path = relative(join(ROOT, 'src'), file);
      const text = readFileSync(file, 'utf8').replaceAll(/^import type [^;]+;$/gm, '');
      const targets = text.matchAll(/(?:from|import)\s+'(\.[^']+)'/g);
      const imported = [...targets].map(([, target]) =>
        posix.join(dirname(path), target).replace(/\.js$/, '.ts'),
      );
      return [path, imported];
    }),
  );
  const finished = new Set();
  const visit = (path, trail) => {
    if (trail.includes(path)) return [...trail.slice(trail.indexOf(path)), path];
    if (finished.has(path)) return undefined;
    for (const next of graph.get(path) ?? []) {
      const cycle = visit(next, [...trail, path]);
      if (cycle) return cycle;
    }
    finished.add(path);
    return undefined;
  };
  for (const path of graph.keys()) {
    const cycle = visit(path, []);
    if (cycle) return cycle;
  }
  return undefined;
}

const files = listFiles(join(ROOT, 'src'));
const problems = files.flatMap(findProblems);
const cycle = findCycle(files);
if (cycle) problems.push(`a cycle of imports: ${cycle.join(' -> ')}`);
for (const problem of problems) console.error(problem);
console.log(`imports of ${files.length} files: ${problems.length} break a rule`);
process.exitCode = problems.length > 0 ? 1 : 0;
