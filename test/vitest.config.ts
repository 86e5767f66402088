import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';
import { defineConfig, type Plugin } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/**
 * Tests run the TypeScript sources, and a worker thread can load none: what
 * `new Worker(new URL('./x.js', ...))` starts is bundled to a file of its own, from the sources as
 * they are now.
 */
function workersFromSources(): Plugin {
  const cache = new Map<string, string>();
  const bundle = (path: string): string => {
    const known = cache.get(path);
    if (known) return known;
    const outfile = fileURLToPath(
      new URL(
        `../node_modules/.cache/neuroformer-tests/${process.pid}/${cache.size}.mjs`,
        import.meta.url,
      ),
    );
    const platform = 'neutral';
    buildSync({
      entryPoints: [path],
      bundle: true,
      format: 'esm',
      platform,
      outfile,
      external: ['node:*'],
    });
    cache.set(path, outfile);
    return outfile;
  };
  return {
    name: 'workers-from-sources',
    enforce: 'pre',
    transform(code, id) {
      if (!id.endsWith('.ts') || (!code.includes('new Worker') && !code.includes('.Worker(')))
        return;
      return code.replaceAll(/new URL\('(\.[^']+)\.js', import\.meta\.url\)/g, (_, path) => {
        const source = fileURLToPath(new URL(`${path}.ts`, `file://${id}`));
        return `new URL(${JSON.stringify(`file://${bundle(source)}`)})`;
      });
    },
  };
}

/** The files that take longest, in continuous integration from a minute and a half down. */
const LONGEST = [
  'test/packages.test.ts',
  'test/cli/cli.test.ts',
  'test/examples.test.ts',
  'test/gpu/differential.test.ts',
  'test/cli/decode.test.ts',
  'test/analyze/bootstrap.test.ts',
  'test/browser/browser.test.ts',
  'test/browser/lab.test.ts',
  'test/dataset/memory.test.ts',
  'test/cpu/wasm/random-programs.test.ts',
  'test/stages/disk-faults.test.ts',
  'test/implementations/firefox.test.ts',
  'test/implementations/deno.test.ts',
  'test/neuroformer/golden.test.ts',
  'test/tensor/attention.test.ts',
];

/**
 * Starts with the files that take longest, so that one worker is not left with one of them at the
 * end. vitest itself knows how long files take only where it has run before.
 */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const place = LONGEST.findIndex((name) => moduleId.endsWith(name));
      return place < 0 ? LONGEST.length : place;
    };
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b));
  }
}

export default defineConfig({
  plugins: [workersFromSources()],
  test: {
    root: new URL('..', import.meta.url).pathname,
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/helpers/setup.ts'],
    // The device under test uses every core itself: two files at a time keep it busy while one
    // compiles.
    pool: 'forks',
    maxWorkers: 2,
    isolate: false,
    sequence: { sequencer: LongestFirst },
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
