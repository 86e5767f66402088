import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';
import { defineConfig, type Plugin } from 'vitest/config';

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
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
