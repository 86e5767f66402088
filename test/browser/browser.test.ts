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

/** One file for browsers; imports that no browser has are left in it, to be found. */
async function bundle(entry: string, globalName?: string) {
  const built = await build({
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
  return { text: built.outputFiles[0]!.text, metafile: built.metafile };
}

describe('the bundle for browsers', () => {
  it('of the engine is our own sources only: no package, nothing of Node', async () => {
    const { text, metafile } = await bundle('../../src/engine.ts');
    const inputs = Object.keys(metafile.inputs);
    expect(inputs.filter((input) => !input.startsWith('src/'))).toEqual([]);
    expect(inputs.some((input) => /^src\/(recording|neuroformer|train)\//.test(input))).toBe(false);
    expect(Object.values(metafile.outputs).flatMap((output) => output.imports)).toEqual([]);
    expect(text).not.toMatch(/["'`]node:\w|\brequire\(|\bprocess\.|\bBuffer\b/);
  });

  it('of the main entry has nothing of Node', async () => {
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

  it('shows that the check would find Node, for the entry that needs it', async () => {
    const { metafile } = await bundle('../../src/node.ts');
    const imports = Object.values(metafile.outputs).flatMap((output) => output.imports);
    expect(imports.map(({ path }) => path)).toEqual(expect.arrayContaining(['webgpu', 'node:fs']));
  });
});

describe('in a browser', () => {
  const engine = useEngine();
  const said: string[] = [];
  let server: Server;
  let browser: Browser;
  let open: Page;

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
      const script = url === '/page.js';
      response.setHeader('content-type', script ? 'text/javascript' : 'text/html');
      response.end(script ? text : html);
    }).listen(0, '127.0.0.1');
    browser = await launchChromium();
    open = await browser.newPage();
    open.on('console', (message) => said.push(`${message.type()}: ${message.text()}`));
    open.on('pageerror', (error) => said.push(`error: ${error.message}`));
    await open.goto(`http://localhost:${(server.address() as AddressInfo).port}/`);
  });
  afterAll(async () => {
    await browser?.close();
    server?.close();
  });

  /** Runs a function of the page. */
  function run<K extends keyof typeof page>(name: K): ReturnType<(typeof page)[K]> {
    return open.evaluate(`page.${name}()`) as ReturnType<(typeof page)[K]>;
  }

  /** The largest relative difference between two trainings' losses. */
  function difference(p: Losses, q: Losses): number {
    const [one, other] = [p, q].map(({ mlp, block }) => [...mlp, ...block]);
    expect(one).toHaveLength(8);
    expect(other).toHaveLength(8);
    return Math.max(...one!.map((loss, n) => Math.abs(loss - other![n]!) / Math.abs(other![n]!)));
  }

  it.runIf(THOROUGH)('the same training gives the same losses as in Node', async () => {
    const { facts, losses } = await run('trainOnOwnDevice');
    expect(facts.software).toBe(true);
    const here = await train(engine());
    expect(difference(losses, here)).toBeLessThan(1e-5);
    for (const { length, 0: first, [length - 1]: last } of [losses.mlp, losses.block])
      expect(last).toBeLessThan(first!);
  });

  it.runIf(THOROUGH)(
    'a device of the page’s own is trained on just as well, and lives on',
    async () => {
      const { losses, alive } = await run('trainOnBorrowedDevice');
      expect(difference(losses, await train(engine()))).toBeLessThan(1e-5);
      expect(alive).toBe(true);
    },
  );

  it.runIf(THOROUGH)('a model trained in Node is loaded and draws the same spikes', async () => {
    const here = await generateFrom(engine(), await trainedModel(engine()));
    const there = await run('generateFromServedModel');
    expect(here.flat(2).length).toBeGreaterThan(100);
    expect(there).toEqual(here);
  });

  it('a lost device rejects what is pending and what comes after with one clear error', async () => {
    const errors = await run('loseDevice');
    expect(errors).toHaveLength(4);
    for (const error of errors) expect(error).toMatch(/^DeviceLostError: The GPU device was lost/);
  });

  it('nothing was said on the console', () => {
    expect(said).toEqual([]);
  });
});
