import { describe, expect, it } from 'vitest';
import { TimeVocabulary } from '../../src/data/tokens.js';
import { parseConfig } from '../../src/neuroformer/config.js';
import { Neuroformer } from '../../src/neuroformer/model.js';
import { ParameterStore } from '../../src/nn/parameters.js';

/** What the original's V1AL and Visnav configurations have in common. */
const COMMON = {
  n_embd: 256,
  n_head: 8,
  layers: { state_history: 6, state: 6, stimulus: 6 },
  resolution: { dt: 0.01, frames: 0.05 },
  compat: 'original',
};

const variables = Object.fromEntries(
  ['phi', 'speed', 'th'].map((name) => [
    name,
    { data: name, dt: 0.05, objective: 'regression', predict: true },
  ]),
);

const VISNAV = {
  ...COMMON,
  block_size: { id: 100, prev_id: 700 },
  window: { frame: 0.15, curr: 0.05, prev: 0.05 },
  frame_encoder: { conv_layer: true, kernel_size: [3, 5, 5] },
};

describe('the number of parameters equals the original’s', () => {
  it.each([
    [
      'V1AL, 386 neurons',
      386,
      24_080_384,
      {
        ...COMMON,
        block_size: { id: 100, prev_id: 100 },
        window: { frame: 0.2, curr: 0.05, prev: 0.15 },
        frame_encoder: { conv_layer: true, kernel_size: [3, 8, 8], stride_size: [3, 4, 4] },
      },
    ],
    [
      'Visnav lateral, contrastive, 2,023 neurons',
      2023,
      25_105_152,
      {
        ...VISNAV,
        contrastive: { contrastive: true, vars: ['id', 'frames'], clip_embd: 512, clip_temp: 0.5 },
      },
    ],
    [
      'Visnav lateral, predicting speed and gaze',
      2023,
      28_203_023,
      {
        ...VISNAV,
        modalities: {
          behavior: { n_layers: 4, window: 0.05, variables },
        },
      },
    ],
  ])('for %s', (_, neurons, count, raw) => {
    const { config } = parseConfig(raw);
    const times = new TimeVocabulary(config.resolution.dt, config.window.curr, config.window.prev);
    const store = new ParameterStore();
    new Neuroformer(store, config, { ids: neurons + 3, times: times.size });
    expect(store.count).toBe(count);
  });
});
