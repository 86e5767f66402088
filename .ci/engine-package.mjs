/**
 * The engine's own package, cut out of the build: what `dist/src/engine.js` reaches, and nothing
 * else.
 *
 * It has no dependency, so that a page that wants tensors installs neither Dawn nor Vega nor HDF5.
 * The whole package holds the same files under `neuroformer-webgpu/engine`; a program takes one of
 * the two, never both, or it has every class twice.
 *
 *     npm run build && node .ci/engine-package.mjs
 *
 * writes dist/engine-package, ready for npm pack or publish.
 */

import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { withAbsoluteLinks } from './readme-links.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const build = join(root, 'dist/src');
const out = join(root, 'dist/engine-package');

/**
 * Modules by another module's text: imports, exports, and the worker that
 * `new URL('./worker.js', import.meta.url)` names.
 */
const SPECIFIER = /(?:\bfrom\s+|\bimport\s+|\bimport\(\s*|\bnew URL\(\s*)['"]([^'"]+)['"]/g;

/** Every file that `entry` reaches, absolute. */
function reachable(entry) {
  const files = new Set();
  const waiting = [entry];
  while (waiting.length > 0) {
    const file = waiting.pop();
    if (files.has(file)) continue;
    files.add(file);
    for (const [, specifier] of readFileSync(file, 'utf8').matchAll(SPECIFIER)) {
      if (!specifier.startsWith('.'))
        throw new Error(`${relative(root, file)} imports ${specifier}: the engine has no package.`);
      const target = join(dirname(file), specifier);
      waiting.push(file.endsWith('.d.ts') ? target.replace(/\.js$/, '.d.ts') : target);
    }
  }
  return files;
}

/** The README of the engine's room, with programs that import the package by its own name. */
function packageReadme() {
  const path = 'src/tensor/README.md';
  const readme = withAbsoluteLinks(readFileSync(join(root, path), 'utf8'), path);
  return readme.replaceAll("from 'neuroformer-webgpu/engine'", "from 'neuroformer-engine'");
}

const { version, author, license, repository, homepage, bugs, publishConfig, engines } = JSON.parse(
  readFileSync(join(root, 'package.json'), 'utf8'),
);
const description = {
  name: 'neuroformer-engine',
  version,
  description: 'A minimal autodiff tensor engine on WebGPU: handwritten WGSL kernels for transformers',
  keywords: ['webgpu', 'wgsl', 'autodiff', 'tensor', 'transformer', 'attention'],
  author,
  license,
  repository,
  homepage,
  bugs,
  publishConfig,
  type: 'module',
  engines,
  exports: { '.': { types: './src/engine.d.ts', default: './src/engine.js' } },
  sideEffects: false,
};

rmSync(out, { recursive: true, force: true });
const files = [...reachable(join(build, 'engine.js')), ...reachable(join(build, 'engine.d.ts'))];
for (const file of files) {
  const target = join(out, 'src', relative(build, file));
  mkdirSync(dirname(target), { recursive: true });
  copyFileSync(file, target);
}
copyFileSync(join(root, 'LICENSE'), join(out, 'LICENSE'));
writeFileSync(join(out, 'README.md'), packageReadme());
writeFileSync(join(out, 'package.json'), `${JSON.stringify(description, null, 2)}\n`);
console.log(`dist/engine-package: ${files.length} files, version ${version}`);
