import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Tensor } from '../../src/tensor/tensor.js';
import { useEngine } from '../helpers/engine.js';
import { GoldenCase, readJson, readTensors } from '../helpers/golden-case.js';

const GOLDEN = fileURLToPath(new URL('../fixtures/golden/', import.meta.url));
/** The GRU and MLP baselines are to come. */
const CASES = readdirSync(GOLDEN).filter((name) => /^case-(?!baseline)/.test(name));

interface Losses {
  losses: Record<string, number>;
  total: number;
  grad_norm: number;
  parameters_without_gradient: string[];
}

interface Training {
  groups: { weight_decay: number; params: string[] }[];
  total_before_each_step_and_after_the_last: number[];
  grad_norm_before_clipping: number[];
}

interface Precision {
  parameters_whose_gradient_is_zero_but_for_rounding: string[];
}

/** The largest difference as a share of what is allowed for each element. */
function worstShare(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  allowed: (value: number) => number,
): number {
  expect(actual.length).toBe(expected.length);
  let worst = 0;
  for (let n = 0; n < expected.length; n++) {
    const share = Math.abs(actual[n]! - expected[n]!) / allowed(expected[n]!);
    worst = Number.isNaN(share) ? Number.POSITIVE_INFINITY : Math.max(worst, share);
  }
  return worst;
}

const largest = (values: ArrayLike<number>) =>
  Array.from(values).reduce((most, v) => Math.max(most, Math.abs(v)), 0);

it('has nine cases of the transformer', () => {
  expect(CASES).toHaveLength(9);
});

describe.each(CASES)('%s', (name) => {
  const engine = useEngine();
  const folder = join(GOLDEN, name);
  let golden: GoldenCase;

  beforeAll(async () => {
    golden = new GoldenCase(engine(), folder);
    expect(await golden.loadWeights()).toEqual([]);
  });
  afterAll(() => golden.dispose());

  it('has the original’s activations, logits and predictions', async () => {
    const found = new Map<string, Tensor>();
    const outputs = golden.model.forward(golden.inputs, (place, value) =>
      found.set(`act.${place}`, value),
    );
    found.set('logits.id', outputs.idLogits);
    found.set('logits.dt', outputs.timeLogits);
    found.set('last_layer', outputs.lastLayer);
    for (const [variable, value] of Object.entries(outputs.predictions))
      found.set(`pred.${variable}`, value);
    const compared = [...found].filter(([place]) => golden.outputs.has(place));
    expect(compared.length).toBeGreaterThan(7);
    for (const [place, value] of compared) {
      const expected = golden.outputs.get(place)!.data;
      const share = worstShare(await value.floats(), expected, (v) => 5e-5 + 1e-4 * Math.abs(v));
      expect(share, place).toBeLessThanOrEqual(1);
    }
  });

  it('has its losses and the gradient of every parameter by name', async () => {
    const { losses, total, parameters_without_gradient } = readJson<Losses>(folder, 'losses');
    const { loss, ...parts } = golden.differentiate();
    expect(Math.abs((await loss.floats())[0]! - total)).toBeLessThanOrEqual(1e-5);
    expect(Object.keys(parts)).toEqual(Object.keys(losses));
    for (const [part, value] of Object.entries(parts)) {
      expect(Math.abs((await value.floats())[0]! - losses[part]!), part).toBeLessThanOrEqual(1e-5);
    }
    const found = await golden.store.gradients();
    const expected = readTensors(folder, 'grads')!;
    expect([...expected.keys()].filter((parameter) => !found.has(parameter))).toEqual([]);
    for (const [parameter, { data }] of expected) {
      const relative = /modality_embeddings\..*\.mlp\./.test(parameter) ? 1e-2 : 1e-3;
      const allowed = relative * largest(data) + 1e-6;
      expect(
        worstShare(found.get(parameter)!.data, data, () => allowed),
        parameter,
      ).toBeLessThanOrEqual(1);
    }
    const untouched = [...golden.store].filter((p) => !p.tensor.reached).map((p) => p.name);
    expect(untouched.sort()).toEqual(parameters_without_gradient.sort());
  });

  it('trains as the original does over five replayed AdamW steps, to the same parameters', async () => {
    const training = readJson<Training>(folder, 'train');
    const decayed = training.groups.find((group) => group.weight_decay > 0)!.params;
    const declared = [...golden.store]
      .filter((p) => p.decay && p.tensor.reached)
      .map((p) => p.name);
    expect(declared.sort()).toEqual(
      decayed.filter((p) => golden.store.get(p).tensor.reached).sort(),
    );
    const { optimizer } = golden;
    const step = engine().record(() => {
      const { loss } = golden.differentiate();
      optimizer.apply();
      return loss;
    });
    const totals = training.total_before_each_step_and_after_the_last;
    for (let n = 0; n < 5; n++) {
      optimizer.prepare(1e-3);
      const [bytes] = await step.runAndFetch([step.value]).read();
      expect(Math.abs(new Float32Array(bytes!)[0]! - totals[n]!), `loss ${n}`).toBeLessThanOrEqual(
        1e-4,
      );
      const [norm] = await optimizer.totals.floats();
      expect(
        Math.abs(norm! / training.grad_norm_before_clipping[n]! - 1),
        `norm ${n}`,
      ).toBeLessThanOrEqual(1e-3);
    }
    const { loss } = golden.differentiate();
    expect(
      Math.abs((await loss.floats())[0]! - totals[5]!),
      'loss after the last',
    ).toBeLessThanOrEqual(1e-4);
    step.dispose();

    const expected = readTensors(folder, 'after-steps');
    if (!expected) {
      expect(name, 'the one case whose parameters after the steps are left out for size').toBe(
        'case-frames-conv',
      );
      return;
    }
    const { parameters_whose_gradient_is_zero_but_for_rounding: noisy } = readJson<Precision>(
      folder,
      'precision',
    );
    for (const [parameter, { data }] of await golden.store.values()) {
      const allowed = noisy.includes(parameter) ? 5.5e-3 : 3e-4;
      expect(
        worstShare(data, expected.get(parameter)!.data, () => allowed),
        parameter,
      ).toBeLessThanOrEqual(1);
    }
  });
});
