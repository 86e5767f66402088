import { expect, it } from 'vitest';
import { HostRandom } from '../../src/math/random.js';
import { parseConfig } from '../../src/neuroformer/config.js';
import { Neuroformer } from '../../src/neuroformer/model.js';
import { ParameterStore } from '../../src/nn/parameters.js';
import { goldenJson } from '../helpers/golden.js';

interface Distribution {
  shape: number[];
  kind: 'normal' | 'uniform' | 'ones' | 'zeros';
  std: number;
  min: number;
  max: number;
}

const VARIABLE = { dt: 0.05, predict: false };

/** The configuration that init.json was computed with. */
const RAW = {
  compat: 'original',
  n_embd: 48,
  n_head: 4,
  block_size: { id: 20, prev_id: 40 },
  layers: { state: 2, state_history: 2, stimulus: 2 },
  window: { curr: 0.05, prev: 0.15, frame: 0.2 },
  frame_encoder: { kernel_size: [3, 8, 8], stride_size: [3, 4, 4] },
  gru2_only: true,
  contrastive: { contrastive: true, vars: ['id', 'frames'] },
  modalities: {
    behavior: {
      n_layers: 1,
      window: 0.05,
      variables: {
        speed: VARIABLE,
        phi: { ...VARIABLE, predict: true, objective: 'regression' },
        gait: { ...VARIABLE, predict: true, objective: 'classification', n_classes: 10 },
      },
    },
  },
};

it('every parameter is initialized from the original’s distribution', () => {
  const { config } = parseConfig(RAW);
  const store = new ParameterStore();
  new Neuroformer(store, config, { ids: 63, times: 19 });
  const expected = goldenJson<Record<string, Distribution>>('init.json');
  expect([...store].map(({ name }) => name).sort()).toEqual(Object.keys(expected).sort());
  const random = new HostRandom(11);
  for (const { name, shape, length, init } of store) {
    const { kind, std, min, max, shape: expectedShape } = expected[name]!;
    expect(shape, name).toEqual(expectedShape);
    const values = new Float32Array(length);
    init(values, random);
    if (kind === 'zeros' || kind === 'ones') {
      expect([...new Set(values)], name).toEqual([kind === 'ones' ? 1 : 0]);
      continue;
    }
    const mean = values.reduce((sum, v) => sum + v, 0) / length;
    const spread = Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / length);
    // Both standard deviations are estimates from `length` numbers; the bound is five standard
    // errors.
    expect(Math.abs(spread / std - 1), `${name}: spread`).toBeLessThan(5 / Math.sqrt(length));
    expect(Math.abs(mean), `${name}: mean`).toBeLessThan((5 * std) / Math.sqrt(length));
    if (kind === 'uniform') {
      const bound = Math.max(-min, max);
      const largest = Math.max(...values.map(Math.abs));
      expect(Math.abs(largest / bound - 1), `${name}: bound`).toBeLessThan(20 / length);
    }
  }
});
