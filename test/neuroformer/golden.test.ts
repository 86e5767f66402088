import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  checkForward,
  checkGradients,
  checkSteps,
  openCase,
} from '../../bench/parity/check-case.js';
import { checkFiltering, type FilteringExamples } from '../../bench/parity/check-filtering.js';
import { GoldenGeneration } from '../../bench/parity/check-generation.js';
import type { GoldenCase } from '../../bench/parity/golden-case.js';
import { findingTable, Tally } from '../../bench/parity/tally.js';
import type { Engine } from '../../src/engine.js';
import { createEngine } from '../../src/node.js';
import { borrowDefaultDevice } from '../helpers/engine.js';
import { goldenJson } from '../helpers/golden.js';

const GOLDEN = fileURLToPath(new URL('../fixtures/golden/', import.meta.url));
const CASES = readdirSync(GOLDEN).filter((name) => name.startsWith('case-'));
const GENERATIONS = readdirSync(GOLDEN).filter((name) => name.startsWith('generate-'));

/**
 * The engine's own device, and a borrowed one that was requested with default limits. On
 * SwiftShader, which takes a minute to compile the kernels of each, the borrowed one alone.
 */
const ENGINES = {
  ...(process.env.NEUROFORMER_ADAPTER !== 'swiftshader' && {
    'a device of its own': () => createEngine(),
  }),
  'a borrowed device with default limits': async () =>
    createEngine({ device: await borrowDefaultDevice() }),
};

/**
 * Fails where a difference exceeds its tolerance, or where fewer values than expected were
 * compared.
 */
function expectWithin(tally: Tally, minimumCounts: Record<string, number>): void {
  const { findings } = tally;
  const outside = findings.filter(({ share }) => !(share <= 1));
  expect(findingTable(outside.map((finding) => ({ ...finding, case: '' })))).toBe('');
  for (const [what, count] of Object.entries(minimumCounts)) {
    const compared = findings.find((finding) => finding.what === what)?.compared ?? 0;
    expect(compared, what).toBeGreaterThanOrEqual(count);
  }
}

it('the twelve cases and two generations of the reference are complete', () => {
  expect(CASES).toHaveLength(12);
  expect(GENERATIONS).toHaveLength(2);
  for (const name of CASES)
    for (const file of ['weights', 'inputs', 'outputs', 'grads', 'after-steps'])
      expect(existsSync(join(GOLDEN, name, `${file}.safetensors.br`)), `${name}/${file}`).toBe(
        true,
      );
});

describe.each(Object.entries(ENGINES))('on %s', (_, open) => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await open();
  });
  afterAll(() => engine.dispose());

  describe.each(CASES)('%s', (name) => {
    let golden: GoldenCase;
    beforeAll(async () => {
      const tally = new Tally();
      golden = await openCase(engine, join(GOLDEN, name), tally);
      expectWithin(tally, { parameters: 1 });
    });
    afterAll(() => golden.dispose());

    it('has the original’s activations, attention, logits and predictions', async () => {
      const tally = new Tally();
      await checkForward(golden, tally);
      expectWithin(tally, { outputs: 3, activations: 5 });
    });

    it('has its losses and the gradient of every named parameter', async () => {
      const tally = new Tally();
      await checkGradients(golden, tally);
      expectWithin(tally, { losses: 4, gradients: 20 });
    });

    it('has its losses and parameters over five replayed AdamW steps', async () => {
      const tally = new Tally();
      await checkSteps(golden, tally);
      expectWithin(tally, {
        'losses over steps': 16,
        'norms over steps': 5,
        'parameters after steps': [...golden.store].length,
      });
    });
  });

  it.each(GENERATIONS)('%s: draws every token of the original', async (name) => {
    const generation = new GoldenGeneration(engine, join(GOLDEN, name));
    const tally = new Tally();
    await generation.check(tally);
    generation.dispose();
    expectWithin(tally, {
      'true_past: tokens': 48,
      'own_past: tokens': 48,
      'own_past: past': 32,
      'true_past: returned': 2,
      ...(name === 'generate-frames-behavior' && { decoding: 2 }),
    });
  });

  it('keeps the classes that the original keeps, and draws them with its probabilities', async () => {
    const tally = new Tally();
    await checkFiltering(engine, goldenJson<FilteringExamples>('filtering.json'), tally);
    expectWithin(tally, { 'kept classes': 13, probabilities: 12 });
  });
});

describe('the comparison itself', () => {
  it('detects a different number, name or length', () => {
    const tally = new Tally();
    tally.near('numbers', 'a', [1, 2.1], [1, 2], () => 0.05);
    tally.near('lengths', 'b', [1], [1, 2], () => 1);
    tally.near('no number', 'c', [Number.NaN], [1], () => 1);
    tally.same('names', 'd', ['x'], ['y']);
    tally.near('fine', 'e', [1.01], [1], () => 0.05);
    const shares = Object.fromEntries(tally.findings.map(({ what, share }) => [what, share]));
    expect(shares).toEqual({
      numbers: expect.closeTo(2, 10),
      lengths: Infinity,
      'no number': Infinity,
      names: Infinity,
      fine: expect.closeTo(0.2, 10),
    });
    expect(() => expectWithin(tally, {})).toThrow();
  });
});
