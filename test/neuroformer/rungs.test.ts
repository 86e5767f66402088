import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../src/neuroformer/config.js';
import { lossWeights } from '../../src/neuroformer/losses.js';
import { componentRungs, spikesOnly, withoutContrast } from '../../src/neuroformer/rungs.js';
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

describe('the weights of the losses', () => {
  const shares = (raw: object) =>
    rungs({ ...EVERYTHING, ...raw }).map(({ config }) => {
      const { id, time } = lossWeights(config);
      return id / (id + time);
    });

  it('divide as much between the next neuron and its time on every rung', () => {
    for (const share of shares({ loss: { mu: 0.5, gamma: 0.2 } })) expect(share).toBeCloseTo(5 / 8);
    for (const share of shares({ loss: { gamma: 0.2 } })) expect(share).toBeCloseTo(3 / 5);
  });

  it('are those of the original where its way with gamma is asked for', () => {
    const loss = { mu: 0.5, gamma: 0.2 };
    for (const share of shares({ loss, rules: { loss_factors: false } }))
      expect(share).toBeCloseTo(5 / 8);
  });

  it('are kept as they are where all weight is on contrast', () => {
    const [state] = rungs({ ...EVERYTHING, loss: { mu: 0, gamma: 1 } });
    expect(state!.config.loss.mu).toBe(0);
  });
});

describe('a variable that only contrast reads', () => {
  const aligned = {
    ...TINY,
    modalities: {
      behavior: {
        n_layers: 0,
        window: 0.05,
        variables: {
          speed: { dt: 0.05 },
          turn: { dt: 0.05, predict: true, objective: 'regression' },
        },
      },
    },
    contrastive: { contrastive: true, vars: ['eos', { behavior: 'speed' }] },
  };

  it('is no behavior that the model reads, and goes with contrast', () => {
    const ladder = rungs(aligned);
    expect(ladder.map(({ name }) => name)).toEqual(['state', 'past', 'contrast']);
    const names = ladder.map(({ config }) => Object.keys(config.modalities.behavior!.variables));
    expect(names).toEqual([['turn'], ['turn'], ['speed', 'turn']]);
  });

  it('is taken from a model with its contrastive loss, and nothing else', () => {
    const { config } = parseConfig(aligned);
    const { contrastive, modalities, ...rest } = withoutContrast(config);
    expect(contrastive.contrastive).toBe(false);
    expect(Object.keys(modalities.behavior!.variables)).toEqual(['turn']);
    expect({ ...rest, contrastive: config.contrastive, modalities: config.modalities }).toEqual(
      config,
    );
    const { config: attending } = parseConfig({
      ...aligned,
      modalities: { behavior: { ...aligned.modalities.behavior, n_layers: 1 } },
    });
    expect(withoutContrast(attending).modalities).toEqual(attending.modalities);
  });

  it('is refused by the original, and where nothing aligns it', () => {
    const message = 'modalities.behavior.n_layers should be above 0';
    expect(() => parseConfig({ ...aligned, compat: 'original' })).toThrow(message);
    expect(() => parseConfig({ ...aligned, contrastive: { contrastive: false } })).toThrow(message);
    expect(() =>
      parseConfig({ ...aligned, contrastive: { contrastive: true, vars: ['eos', 'id'] } }),
    ).toThrow(message);
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
