import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launchChromium } from '../helpers/chromium.js';
import { useEngine } from '../helpers/engine.js';
import { THOROUGH } from '../helpers/thorough.js';
import { generateFrom, trainedModel } from './generate.js';
import type * as page from './page.js';
import { type Losses, train } from './train.js';

const file = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/**
 * Bundles an entry for browsers. Imports that no browser has stay in the bundle, for the tests to
 * find.
 */
async function bundle(entry: string, globalName?: string) {
  const result = await build({
    entryPoints: [file(entry)],
    bundle: true,
    write: false,
    metafile: true,
    platform: 'browser',
    format: globalName ? 'iife' : 'esm',
    ...(globalName && { globalName }),
    external: ['node:*', 'webgpu', 'tar-fs'],
    logLevel: 'silent',
  });
  return { text: result.outputFiles[0]!.text, metafile: result.metafile };
}

describe('the bundle for browsers', () => {
  it('of the engine contains only our sources, no package and nothing of Node', async () => {
    const { text, metafile } = await bundle('../../src/engine.ts');
    const inputs = Object.keys(metafile.inputs);
    expect(inputs.filter((input) => !input.startsWith('src/'))).toEqual([]);
    expect(inputs.some((input) => /^src\/(recording|neuroformer|train)\//.test(input))).toBe(false);
    expect(Object.values(metafile.outputs).flatMap((output) => output.imports)).toEqual([]);
    expect(text).not.toMatch(/["'`]node:\w|\brequire\(|\bprocess\.|\bBuffer\b/);
  });

  it('of the main entry contains nothing of Node', async () => {
    const { metafile } = await bundle('../../src/index.ts');
    const inputs = Object.keys(metafile.inputs);
    expect(inputs.filter((input) => /^src\/(node|cli)\b/.test(input))).toEqual([]);
    const packages = inputs.flatMap(
      (input) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(input)?.[1] ?? [],
    );
    for (const name of ['h5wasm', 'vega', 'yaml', 'fflate']) expect(packages).toContain(name);
    for (const name of ['webgpu', 'commander', 'tar-fs']) expect(packages).not.toContain(name);
    const external = Object.values(metafile.outputs).flatMap((output) => output.imports);
    expect(external.filter(({ external }) => external)).toEqual([]);
  });

  it('of the Node entry contains what the tests above look for', async () => {
    const { metafile } = await bundle('../../src/node.ts');
    const imports = Object.values(metafile.outputs).flatMap((output) => output.imports);
    expect(imports.map(({ path }) => path)).toEqual(expect.arrayContaining(['webgpu', 'node:fs']));
  });
});

describe('in a browser', () => {
  const engine = useEngine();
  const consoleLines: string[] = [];
  let server: Server;
  let browser: Browser;
  let tab: Page;

  beforeAll(async () => {
    const { text } = await bundle('page.ts', 'page');
    const html =
      '<!doctype html><link rel="icon" href="data:,"><title>test</title><script src="page.js"></script>';
    const model = await trainedModel(engine());
    server = createServer(({ url }, response) => {
      if (url === '/model.safetensors') {
        response.end(model);
        return;
      }
      const isScript = url === '/page.js';
      response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html');
      response.end(isScript ? text : html);
    }).listen(0, '127.0.0.1');
    browser = await launchChromium();
    tab = await browser.newPage();
    tab.on('console', (message) => consoleLines.push(`${message.type()}: ${message.text()}`));
    tab.on('pageerror', (error) => consoleLines.push(`error: ${error.message}`));
    await tab.goto(`http://localhost:${(server.address() as AddressInfo).port}/`);
  });
  afterAll(async () => {
    await browser?.close();
    server?.close();
  });

  /** Calls an exported function of page.ts in the browser. */
  function run<K extends keyof typeof page>(name: K): ReturnType<(typeof page)[K]> {
    return tab.evaluate(`page.${name}()`) as ReturnType<(typeof page)[K]>;
  }

  /** The largest difference of a loss relative to that of a reference. */
  function maxDifference(losses: Losses, reference: Losses): number {
    const [tested, expected] = [losses, reference].map(({ mlp, block }) => [...mlp, ...block]);
    expect(tested).toHaveLength(8);
    expect(expected).toHaveLength(8);
    return Math.max(...tested!.map((loss, n) => Math.abs(loss / expected![n]! - 1)));
  }

  it.runIf(THOROUGH)('training gives the same losses as in Node', async () => {
    const { facts, losses } = await run('trainOnOwnDevice');
    expect(facts.software).toBe(true);
    expect(maxDifference(losses, await train(engine()))).toBeLessThan(1e-5);
    for (const list of [losses.mlp, losses.block]) expect(list.at(-1)).toBeLessThan(list[0]!);
  });

  it.runIf(THOROUGH)(
    'training on a device of the page gives the same losses and leaves the device usable',
    async () => {
      const { losses, alive } = await run('trainOnBorrowedDevice');
      expect(maxDifference(losses, await train(engine()))).toBeLessThan(1e-5);
      expect(alive).toBe(true);
    },
  );

  it.runIf(THOROUGH)('a model trained in Node generates the same spikes', async () => {
    const inNode = await generateFrom(engine(), await trainedModel(engine()));
    const inBrowser = await run('generateFromServedModel');
    expect(inNode.flat(2).length).toBeGreaterThan(100);
    expect(inBrowser).toEqual(inNode);
  });

  it('a lost device rejects pending and later reads with one clear error', async () => {
    const errors = await run('loseDevice');
    expect(errors).toHaveLength(4);
    for (const error of errors) expect(error).toMatch(/^DeviceLostError: The GPU device was lost/);
  });

  it('nothing was printed to the console', () => {
    expect(consoleLines).toEqual([]);
  });
});
