import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../src/neuroformer/config.js';
import { componentRungs, spikesOnly } from '../../src/neuroformer/rungs.js';
import { TINY, WITH_BEHAVIOR, WITH_VIDEO } from '../helpers/tiny-neuroformer.js';

const EVERYTHING = {
  ...WITH_VIDEO,
  modalities: WITH_BEHAVIOR.modalities,
  contrastive: { contrastive: true, vars: ['eos', 'frames', { behavior: 'speed' }], clip_embd: 6 },
  neuron_queries: 'frames',
  spike_history: 'pairs',
};
const rungs = (raw: object) => componentRungs(parseConfig(raw).config);

describe('the rungs of a model', () => {
  it('add the past, the stimulus, behavior and contrast to the current window', () => {
    expect(rungs(EVERYTHING).map(({ title }) => title)).toEqual([
      'state alone',
      '+ past',
      '+ stimulus',
      '+ behavior',
      '+ contrast',
    ]);
  });

  it('each have one part more than the rung below', () => {
    const has = rungs(EVERYTHING).map(({ config }) => ({
      past: config.layers.state_history > 0 && config.spike_history !== null,
      stimulus: config.window.frame !== null && config.neuron_queries !== null,
      behavior: 'speed' in (config.modalities.behavior?.variables ?? {}),
      contrast: config.contrastive.contrastive,
    }));
    for (const [n, parts] of has.entries())
      expect(Object.values(parts)).toEqual([n > 0, n > 1, n > 2, n > 3]);
  });

  it('end with the model itself, and keep the variables that it predicts on every rung', () => {
    const { config } = parseConfig(EVERYTHING);
    const ladder = rungs(EVERYTHING);
    expect(ladder.at(-1)!.config).toEqual(config);
    for (const rung of ladder)
      expect(Object.keys(rung.config.modalities.behavior!.variables)).toEqual(
        expect.arrayContaining(['turn', 'gait']),
      );
  });

  it('leave out parts that the model does not have', () => {
    expect(rungs(TINY).map(({ name }) => name)).toEqual(['state', 'past']);
    const alone = { ...TINY, layers: { ...TINY.layers, state_history: 0 } };
    expect(rungs(alone).map(({ name }) => name)).toEqual(['state']);
  });
});

it('spikes alone leave the past and what is predicted, and nothing else', () => {
  const { config } = parseConfig(EVERYTHING);
  const { window, neuron_queries, contrastive, layers, modalities, spike_history } =
    spikesOnly(config);
  expect([window.frame, neuron_queries, contrastive.contrastive]).toEqual([null, null, false]);
  expect([layers.state_history, spike_history]).toEqual([1, config.spike_history]);
  expect(Object.keys(modalities.behavior!.variables)).toEqual(['turn', 'gait']);
  const { config: tiny } = parseConfig(TINY);
  expect(spikesOnly(tiny)).toEqual(tiny);
});
