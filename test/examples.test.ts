/**
 * The programs under src/examples, run as a reader would run them: in Node, and bundled in a page.
 */

import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createEngine, differentiate, meanSquaredError, Tensor } from 'neuroformer-webgpu/engine';
import { describe, expect, it } from 'vitest';
import { fitRates, softplus } from '../src/examples/own-op.js';
import { drawWhileTraining, trainInPage } from './helpers/run-examples.js';
import { THOROUGH } from './helpers/thorough.js';

const built = (name: string) =>
  fileURLToPath(new URL(`../dist/src/examples/${name}.js`, import.meta.url));
const source = (name: string) => `../../src/examples/${name}.ts`;

describe('train-in-node', () => {
  it('trains, decodes speed, and writes a report, in at most 20 lines', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'neuroformer-example-'));
    const { stdout } = await promisify(execFile)(process.execPath, [built('train-in-node')], {
      cwd: folder,
    });
    const [, r] = /r: \{\s+value: ([\d.]+)/.exec(stdout)!;
    expect(Number(r)).toBeGreaterThan(0.8);
    expect(existsSync(join(folder, 'runs/example/report.html'))).toBe(true);
    rmSync(folder, { recursive: true });
    const text = readFileSync(new URL('../src/examples/train-in-node.ts', import.meta.url), 'utf8');
    const code = text.replace(/^\/\*\*[\s\S]*?\*\/$/m, '');
    const lines = code.split('\n').filter((line) => line !== '');
    expect(lines.length).toBeLessThanOrEqual(20);
  });
});

describe('own-op', () => {
  it('fits rates through softplus', async () => {
    const lines: string[] = [];
    const [w, b] = await fitRates((line) => lines.push(line));
    expect(w).toBeCloseTo(2, 1);
    expect(b).toBeCloseTo(-1, 1);
    expect(lines).toHaveLength(3);
  });

  it('reaches the end of a tensor whose grid is folded, forward and backward', async () => {
    using engine = await createEngine({ log() {} });
    const length = 64 * 65535 + 130;
    const x = Tensor.zeros(engine, [length], 'f32', { requiresGrad: true });
    const target = Tensor.zeros(engine, [length]);
    differentiate(engine, () => meanSquaredError(softplus(x), target));
    const dx = await x.gradient!.floats();
    const expected = Math.fround((2 / length) * Math.LN2 * 0.5);
    for (const n of [0, 64 * 65535 - 1, 64 * 65535, length - 1])
      expect(dx[n]! / expected).toBeCloseTo(1, 5);
  });

  it('has the gradient of softplus, also where its input is used twice', async () => {
    using engine = await createEngine({ log() {} });
    const values = [-40, -2, -0.5, 0, 0.3, 1.7, 40];
    const x = Tensor.from(engine, values, [7], { requiresGrad: true });
    const zero = Tensor.zeros(engine, [7]);
    const y = await softplus(x).floats();
    for (const [n, v] of values.entries())
      expect(y[n]).toBeCloseTo(Math.max(v, 0) + Math.log1p(Math.exp(-Math.abs(v))), 5);
    for (const uses of [1, 2]) {
      x.gradient?.dispose();
      x.gradient = undefined;
      for (let n = 0; n < uses; n++)
        differentiate(engine, () => meanSquaredError(softplus(x), zero));
      const dx = await x.gradient!.floats();
      for (const [n, v] of values.entries())
        expect(dx[n]).toBeCloseTo((uses * (2 / 7) * y[n]!) / (1 + Math.exp(-v)), 4);
    }
  });
});

describe('in a page', () => {
  const TIMEOUT = 240_000;

  it(
    'train-in-page trains on chosen files and shows the report',
    () =>
      trainInPage({
        page: source('train-in-page'),
        'train-in-page-worker': source('train-in-page-worker'),
      }),
    TIMEOUT,
  );

  it.runIf(THOROUGH)(
    'borrowed-device draws the curve that the network learns on the same device',
    () => drawWhileTraining({ page: source('borrowed-device') }),
    TIMEOUT,
  );
});
