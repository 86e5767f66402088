/**
 * The packages as they are published, installed in empty folders: their examples run, their types
 * check.
 */

import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { drawWhileTraining, trainInPage } from './helpers/run-examples.js';
import { THOROUGH } from './helpers/thorough.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const TIMEOUT = 300_000;

/** Runs a program and returns what it printed. @throws Error with what it printed, if it fails */
async function run(folder: string, command: string, ...args: string[]): Promise<string> {
  const shell = process.platform === 'win32';
  try {
    return (await promisify(execFile)(command, args, { cwd: folder, shell })).stdout;
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    throw new Error(`${command} ${args.join(' ')} failed: ${stdout}${stderr}`);
  }
}

/** A folder into which a package was installed from its tarball, and nothing else. */
async function install(packed: string, name: string): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), `${name}-`));
  const tarball = (
    await run(packed, 'npm', 'pack', '--ignore-scripts', '--silent', '--pack-destination', folder)
  ).trim();
  const description = { name: 'consumer', private: true, type: 'module' };
  writeFileSync(join(folder, 'package.json'), JSON.stringify(description));
  await run(folder, 'npm', 'install', '--silent', '--no-audit', join(folder, tarball));
  return folder;
}

function bytesIn(folder: string): number {
  return readdirSync(folder, { withFileTypes: true }).reduce((sum, entry) => {
    const path = join(folder, entry.name);
    return sum + (entry.isDirectory() ? bytesIn(path) : statSync(path).size);
  }, 0);
}

/** Checks a program's types as a consumer does, the types of libraries included. */
async function checkTypes(folder: string, program: string): Promise<void> {
  writeFileSync(join(folder, 'consumer.ts'), program);
  const options = { strict: true, target: 'es2022', module: 'nodenext', noEmit: true, types: [] };
  writeFileSync(
    join(folder, 'tsconfig.json'),
    JSON.stringify({ compilerOptions: options, files: ['consumer.ts'] }),
  );
  await run(folder, process.execPath, join(root, 'node_modules/typescript/bin/tsc'), '-p', '.');
}

describe.runIf(THOROUGH)('the engine’s own package', () => {
  let folder: string;
  const installed = () => join(folder, 'node_modules/neuroformer-engine');
  /** Programs of src/examples that use the engine alone, under the package's own name. */
  const example = (name: string) => {
    const path = join(folder, `${name}.js`);
    const text = readFileSync(join(root, `dist/src/examples/${name}.js`), 'utf8');
    writeFileSync(path, text.replaceAll('neuroformer-webgpu/engine', 'neuroformer-engine'));
    return path;
  };

  beforeAll(async () => {
    await run(root, process.execPath, '.ci/engine-package.mjs');
    folder = await install(join(root, 'dist/engine-package'), 'engine');
  }, TIMEOUT);
  afterAll(() => rmSync(folder, { recursive: true }));

  it('installs with no other package, and under 2 MB', () => {
    const packages = readdirSync(join(folder, 'node_modules')).filter(
      (name) => !name.startsWith('.'),
    );
    expect(packages).toEqual(['neuroformer-engine']);
    expect(bytesIn(installed())).toBeLessThan(2e6);
  });

  it(
    'fits rates through an op of its user’s own in Node',
    async () => {
      example('own-op');
      const script =
        "import('./own-op.js').then(async ({ fitRates }) => console.log(await fitRates()))";
      const out = await run(folder, process.execPath, '--eval', script);
      expect(out).toMatch(/\[ (2\.0|1\.9)\d+, -(1\.0|0\.9)\d+ \]/);
    },
    TIMEOUT,
  );

  it(
    'draws and trains in Chromium, bundled',
    async () => {
      await drawWhileTraining({
        page: example('borrowed-device'),
        worker: join(installed(), 'src/cpu/threads/worker.js'),
      });
    },
    TIMEOUT,
  );

  it(
    'has types that check in its user’s program',
    async () => {
      const program = readFileSync(join(root, 'src/examples/own-op.ts'), 'utf8');
      await checkTypes(
        folder,
        program.replaceAll('neuroformer-webgpu/engine', 'neuroformer-engine'),
      );
    },
    TIMEOUT,
  );
});

describe.runIf(THOROUGH)('the whole package', () => {
  let folder: string;
  const installed = (path: string) =>
    join(folder, 'node_modules/neuroformer-webgpu/dist/src', path);

  beforeAll(async () => {
    folder = await install(root, 'whole');
  }, TIMEOUT);
  afterAll(() => rmSync(folder, { recursive: true }));

  it(
    'trains in Node',
    async () => {
      const out = await run(folder, process.execPath, installed('examples/train-in-node.js'));
      expect(out).toMatch(/r: \{\s+value: 0\.[89]/);
      expect(readdirSync(join(folder, 'runs/example'))).toContain('report.html');
    },
    TIMEOUT,
  );

  it(
    'has the command',
    async () => {
      const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
      expect(await run(folder, 'npx', 'neuroformer', '--version')).toBe(`${version}\n`);
    },
    TIMEOUT,
  );

  it(
    'trains in Chromium, bundled',
    async () => {
      await trainInPage({
        page: installed('examples/train-in-page.js'),
        'train-in-page-worker': installed('examples/train-in-page-worker.js'),
        worker: installed('cpu/threads/worker.js'),
        'hdf5-worker': installed('formats/hdf5/hdf5-worker.js'),
      });
    },
    TIMEOUT,
  );

  it(
    'has types that check in its user’s programs, for all three entries',
    async () => {
      // Not borrowed-device: its own WebGPU calls need @webgpu/types, which repeats what lib.dom
      // declares, so that such a program cannot be checked without skipLibCheck, whatever it
      // imports.
      for (const name of ['train-in-node', 'train-in-page-worker', 'own-op'])
        await checkTypes(folder, readFileSync(join(root, `src/examples/${name}.ts`), 'utf8'));
    },
    TIMEOUT,
  );
});
