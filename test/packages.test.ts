/**
 * The packages as they are published, installed in empty folders: their examples run, their types
 * check.
 */

import { execFile } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { HUB_MODEL, HUB_TRAINING } from '../src/stages/demo.js';
import { drawWhileTraining, trainInPage } from './helpers/run-examples.js';
import { THOROUGH } from './helpers/thorough.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const TIMEOUT = 300_000;

const readJson = (path: string) => JSON.parse(readFileSync(join(root, path), 'utf8'));

/** Runs a program and returns what it printed. @throws Error with what it printed, if it fails */
async function runProgram(folder: string, command: string, ...args: string[]) {
  const shell = process.platform === 'win32';
  try {
    const { stdout, stderr } = await promisify(execFile)(command, args, { cwd: folder, shell });
    return { out: stdout, err: stderr };
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    throw new Error(`${command} ${args.join(' ')} failed: ${stdout}${stderr}`);
  }
}

/** The standard output of a program. @throws Error with what it printed, if it fails */
async function run(folder: string, command: string, ...args: string[]): Promise<string> {
  return (await runProgram(folder, command, ...args)).out;
}

/** What npm packs from, and what it runs for that. */
const PACKED = ['.ci', 'dist/src', 'src', 'README.md', 'LICENSE', 'CHANGELOG.md', 'CITATION.cff'];

/**
 * The tarball of the whole package, packed in a copy of the repository: packing changes READMEs
 * for a moment. The copy is not built again.
 */
async function packWhole(copy: string): Promise<string> {
  for (const path of PACKED) cpSync(join(root, path), join(copy, path), { recursive: true });
  const { scripts, ...description } = readJson('package.json');
  const { prepack, postpack } = scripts;
  const scriptsOfCopy = { prepack: prepack.replace(/^.* npm run build && /, ''), postpack };
  writeFileSync(
    join(copy, 'package.json'),
    JSON.stringify({ ...description, scripts: scriptsOfCopy }),
  );
  await run(copy, 'npm', 'pack', '--silent');
  return join(copy, `${description.name}-${description.version}.tgz`);
}

/** The tarball of the engine's package, which is packed as it lies there. */
async function packEngine(folder: string): Promise<string> {
  await run(root, process.execPath, '.ci/engine-package.mjs');
  const built = join(root, 'dist/engine-package');
  await run(built, 'npm', 'pack', '--silent', '--pack-destination', folder);
  const { name, version } = readJson('dist/engine-package/package.json');
  return join(folder, `${name}-${version}.tgz`);
}

/** A folder into which a package was installed from its tarball, and nothing else. */
async function install(tarball: string, name: string): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), `${name}-`));
  const description = { name: 'consumer', private: true, type: 'module' };
  writeFileSync(join(folder, 'package.json'), JSON.stringify(description));
  await run(folder, 'npm', 'install', '--silent', '--no-audit', tarball);
  return folder;
}

/**
 * A folder in which a package lies as npm installs it, its dependencies linked from this
 * repository.
 */
async function unpack(tarball: string, folder: string): Promise<string> {
  const modules = join(folder, 'node_modules');
  mkdirSync(modules, { recursive: true });
  await run(modules, 'tar', '-xzf', tarball);
  const { name, dependencies = {} } = JSON.parse(
    readFileSync(join(modules, 'package/package.json'), 'utf8'),
  );
  renameSync(join(modules, 'package'), join(modules, name));
  for (const dependency of Object.keys(dependencies)) {
    const link = join(modules, dependency);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(join(root, 'node_modules', dependency), link, 'junction');
  }
  return join(modules, name);
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

const NAMES = ['neuroformer-webgpu', 'neuroformer-engine'] as const;
const packs = mkdtempSync(join(tmpdir(), 'packs-'));
const copy = join(packs, 'copy');
/** The packages by their names: as tarballs, and unpacked. */
const tarballs: Record<string, string> = {};
const unpacked: Record<string, string> = {};
beforeAll(async () => {
  tarballs['neuroformer-webgpu'] = await packWhole(copy);
  tarballs['neuroformer-engine'] = await packEngine(packs);
  for (const name of NAMES) unpacked[name] = await unpack(tarballs[name]!, join(packs, name));
}, TIMEOUT);
afterAll(() => rmSync(packs, { recursive: true }));

/** Paths of all files in a folder, with slashes, in order. */
function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => statSync(join(folder, path)).isFile())
    .map((path) => path.replaceAll('\\', '/'))
    .sort();
}

describe('a package as it is published', () => {
  const citation = parse(readFileSync(join(root, 'CITATION.cff'), 'utf8'));
  const address: string = citation['repository-code'];

  it.each(NAMES)('%s says who wrote it, where it is developed and how it is published', (name) => {
    const description = JSON.parse(readFileSync(join(unpacked[name]!, 'package.json'), 'utf8'));
    expect(description).toMatchObject({
      name,
      version: readJson('package.json').version,
      author: citation.authors.map((author: { name: string }) => author.name).join(', '),
      license: citation.license,
      repository: { type: 'git', url: `git+${address}.git` },
      homepage: `${address}#readme`,
      bugs: { url: `${address}/issues` },
      publishConfig: { access: 'public', provenance: true },
    });
    expect(readFileSync(join(root, 'README.md'), 'utf8')).toContain(`git clone ${address} `);
  });

  it.each(NAMES)('%s has READMEs whose links lead to files of the repository', (name) => {
    const { version } = readJson('package.json');
    const readmes = filesIn(unpacked[name]!).filter((path) => path.endsWith('README.md'));
    let count = 0;
    for (const path of readmes) {
      const text = readFileSync(join(unpacked[name]!, path), 'utf8');
      for (const [, picture, link] of text.matchAll(/(!?)\[[^\]\n]*\]\(([^)#]+)(?:#[^)]*)?\)/g)) {
        expect(link, path).toMatch(/^https:/);
        if (!link!.startsWith(`${address}/`)) continue;
        const base = `${address}/${picture ? 'raw' : 'blob'}/v${version}/`;
        expect(link, path).toContain(base);
        expect(existsSync(join(root, link!.slice(base.length))), link).toBe(true);
        count += 1;
      }
    }
    expect(count).toBeGreaterThan(readmes.length);
  });

  it.each(NAMES)('%s is published without a warning', async (name) => {
    // Neither a registry nor an account is needed: no one listens there.
    const nowhere = ['--registry=http://localhost:9/', '--//localhost:9/:_authToken=none'];
    const options = ['--dry-run', '--fetch-retries=0', ...nowhere];
    const { err } = await runProgram(packs, 'npm', 'publish', tarballs[name]!, ...options);
    expect(err).toMatch(/^npm notice Publishing to .+ with tag latest and public access/m);
    expect(err).not.toMatch(/^npm (warn|error|err!)/im);
  });
});

describe('packing', () => {
  it('leaves the READMEs as they were', () => {
    for (const path of ['README.md', 'src/gpu/README.md', 'src/paper/README.md'])
      expect(readFileSync(join(copy, path))).toEqual(readFileSync(join(root, path)));
  });

  it('takes another address of the repository from one command', async () => {
    const set = (address: string) =>
      run(copy, process.execPath, '.ci/repository-address.mjs', address);
    await expect(set('github.com/lab')).rejects.toThrow(
      'The address should be like https://github.com/OWNER/NAME, but is "github.com/lab".',
    );
    await set('https://github.com/lab/spikes');
    const read = (path: string) => readFileSync(join(copy, path), 'utf8');
    const { repository, bugs } = JSON.parse(read('package.json'));
    expect([repository.url, bugs.url]).toEqual([
      'git+https://github.com/lab/spikes.git',
      'https://github.com/lab/spikes/issues',
    ]);
    expect(read('README.md')).toContain('git clone https://github.com/lab/spikes neuroformer\n');
    expect(parse(read('CITATION.cff'))['repository-code']).toBe('https://github.com/lab/spikes');
  });
});

describe('the whole package, unpacked', () => {
  const folder = join(packs, 'use');
  const installed = () => unpacked['neuroformer-webgpu']!;
  const neuroformer = (...args: string[]) =>
    run(folder, process.execPath, join(installed(), 'dist/src/cli/main.js'), ...args);

  it('holds the program, its READMEs and nothing else, in at most 1.2 MB', () => {
    const files = filesIn(installed());
    const program = /^dist\/src\/(?!reference\/).+\.(js|d\.ts)$/;
    const rooms = filesIn(join(root, 'src')).filter((path) => /^\w+\/README\.md$/.test(path));
    expect(files.filter((path) => !program.test(path))).toEqual([
      ...['CHANGELOG.md', 'CITATION.cff', 'LICENSE', 'README.md', 'package.json'],
      ...rooms.map((path) => `src/${path}`),
    ]);
    const { exports, bin } = readJson('package.json');
    const entries = Object.values<string | Record<string, string>>(exports).flatMap((entry) =>
      typeof entry === 'string' ? entry : Object.values(entry),
    );
    for (const entry of [...entries, bin.neuroformer]) expect(files).toContain(posix.join(entry));
    expect(statSync(tarballs['neuroformer-webgpu']!).size).toBeLessThan(1.2e6);
  });

  it('simulates, trains and reports', async () => {
    mkdirSync(folder);
    expect(await neuroformer('--help')).toContain('neuroformer');
    const size = ['--neurons', '18', '--seconds', '20'];
    expect(await neuroformer('simulate', 'hub', 'hub', ...size)).toMatch(/^18 neurons, hubs /);
    const config = { ...HUB_MODEL, training: { ...HUB_TRAINING, batch: 8, steps: 3 } };
    writeFileSync(join(folder, 'config.yaml'), stringify(config));
    await neuroformer('train', '--data', 'hub', '--config', 'config.yaml', '--out', 'run');
    await neuroformer('report', 'run');
    expect(readFileSync(join(folder, 'run/report.html'), 'utf8')).toContain('<svg');
  });
});

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
    folder = await install(tarballs['neuroformer-engine']!, 'engine');
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
    folder = await install(tarballs['neuroformer-webgpu']!, 'whole');
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
    'has the command, which runs the demo',
    async () => {
      const { version } = readJson('package.json');
      expect(await run(folder, 'npx', 'neuroformer', '--version')).toBe(`${version}\n`);
      const size = ['--neurons', '18', '--steps', '20', '--trials', '2', '--seconds', '1'];
      const out = await run(folder, 'npx', 'neuroformer', 'demo', '--out', 'demo', ...size);
      expect(out).toMatch(/Attention (beats|does not beat) Pearson correlation/);
      expect(readdirSync(join(folder, 'demo'))).toContain('report.html');
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
