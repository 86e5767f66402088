/** Every key of a configuration has an effect, or is listed as having none. */

import { describe, expect, it } from 'vitest';
import { Sampler } from '../../src/generate/sampler.js';
import {
  BatchLayout,
  modelSizes,
  tokenizerFor,
  windowSettings,
} from '../../src/neuroformer/batch.js';
import { type ModelConfig, parseConfig, WITHOUT_EFFECT } from '../../src/neuroformer/config.js';
import { Neuroformer } from '../../src/neuroformer/model.js';
import { TrainingStep } from '../../src/neuroformer/step.js';
import { ParameterStore } from '../../src/nn/parameters.js';
import { tokenFrequencies } from '../../src/recording/token-frequencies.js';
import { Windows } from '../../src/recording/windows.js';
import { RandomState } from '../../src/tensor/random.js';
import { useEngine } from '../helpers/engine.js';
import {
  syntheticRecording,
  TINY,
  WITH_BEHAVIOR,
  WITH_VIDEO,
} from '../helpers/tiny-neuroformer.js';

const engine = useEngine();
const VARIABLE = 'modalities.behavior.variables.speed';

/** Keys that are objects, with what makes them one. */
const SECTIONS: Readonly<Record<string, object>> = {
  '': {},
  readout: {},
  neuron_queries: {},
  spike_history: { kind: 'own' },
  stimulus_drive: {},
  population_coupling: {},
  dropout: {},
  block_size: {},
  layers: {},
  sparse: {},
  window: {},
  resolution: {},
  frame_encoder: {},
  contrastive: {},
  loss: {},
  class_weights: {},
  'modalities.behavior': { window: 0.05, variables: {} },
  [VARIABLE]: { dt: 0.05 },
};

/** An object with a value at the end of a path. */
function nested(path: string, value: unknown): object {
  return path
    .split('.')
    .reduceRight<unknown>((inner, key) => (key === '' ? inner : { [key]: inner }), value) as object;
}

/** The paths of all keys, as the messages about unknown ones list them. */
function allKeys(): string[] {
  return Object.entries(SECTIONS).flatMap(([section, value]) => {
    let message = '';
    const raw = nested(section, { ...value, unknownkeyunknownkey: 1 });
    const variables = { window: 0.05, variables: { speed: { dt: 0.05, unknownkeyunknownkey: 1 } } };
    try {
      parseConfig(section === VARIABLE ? { modalities: { behavior: variables } } : raw);
    } catch (error) {
      message = (error as Error).message;
    }
    const [, list] = /the known keys are (.+)\.$/.exec(message) ?? [];
    if (!list) throw new Error(`no list of keys of ${section}: ${message}`);
    return list.split(', ').map((key) => (section ? `${section}.${key}` : key));
  });
}

/** A configuration that notes the path of every value that is read. */
function traced(config: ModelConfig, reads: Set<string>): ModelConfig {
  const wrap = (value: unknown, path: string): unknown => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
    return new Proxy(value, {
      get(target, key) {
        const item = Reflect.get(target, key);
        if (typeof key !== 'string') return item;
        const itemPath = path ? `${path}.${key}` : key;
        reads.add(itemPath);
        return wrap(item, itemPath);
      },
    });
  };
  return wrap(config, '') as ModelConfig;
}

/** Reads a configuration as training and drawing do. */
function use(raw: object, reads: Set<string>): void {
  const recording = syntheticRecording();
  const config = traced(parseConfig(raw).config, reads);
  const vocabularies = tokenizerFor(config, recording);
  const windows = new Windows(recording, windowSettings(config, vocabularies));
  const refs = [1, 2].map((end) => ({ trialIndex: 0, end }));
  const frequencies = [...tokenFrequencies(windows, refs)];
  const layout = new BatchLayout(
    config,
    vocabularies.withStatistics({ scales: {}, frequencies }),
    recording,
  );
  const store = new ParameterStore();
  const model = new Neuroformer(store, config, modelSizes(layout));
  store.allocate(engine(), 1);
  const dropout = new RandomState(engine(), 1);
  const step = new TrainingStep(engine(), store, model, layout, 2, { dropout });
  step.run(layout.collate(refs.map((ref) => windows.at(ref))), 1e-3);
  step.dispose();
  new Sampler(engine(), model, layout, 1, { seed: 1 }).dispose();
  store.dispose();
}

const SPEED_READ = {
  modalities: { behavior: { n_layers: 1, window: 0.05, variables: { speed: { dt: 0.05 } } } },
};
const SPEED_CLASSES = {
  modalities: {
    behavior: {
      window: 0.05,
      variables: {
        speed: { data: 'gait', dt: 0.05, predict: true, objective: 'classification' },
        turn: { dt: 0.05, predict: true, objective: 'circular' },
      },
    },
  },
};

const MODELS: readonly object[] = [
  { ...WITH_VIDEO, modalities: WITH_BEHAVIOR.modalities, class_weights: { id: null } },
  { ...WITH_VIDEO, frame_encoder: { kernel_size: [2, 2, 2] }, stimulus_drive: null },
  {
    ...WITH_VIDEO,
    neuron_queries: 'frames',
    spike_history: 'own',
    population_coupling: {},
    frequency_bias: true,
    readout: { blocks: 1, bins: 2 },
    initial_weights: 'fan_in',
    ...SPEED_CLASSES,
  },
  {
    ...TINY,
    window: { ...TINY.window, frame: 0.1 },
    frame_encoder: { features: true, conv_layer: false, n_embd_frames: 24 },
    layers: { ...TINY.layers, stimulus: 0 },
    stimulus_drive: {},
  },
  { ...TINY, gru2_only: true, ...SPEED_READ },
  { ...TINY, mlp_only: true, compat: 'original' },
  {
    ...WITH_VIDEO,
    ...SPEED_READ,
    contrastive: { contrastive: true, vars: ['id', 'frames'], clip_embd: 4 },
  },
];

describe('every key of a configuration', () => {
  it('is read by training or drawing, or has no effect and says so', () => {
    const reads = new Set<string>();
    for (const raw of MODELS) use(raw, reads);
    const keys = allKeys();
    expect(keys.length).toBeGreaterThan(90);
    const listed: ReadonlySet<string> = new Set(WITHOUT_EFFECT);
    // Switches of rules have tests of their own. What the last two ask for is refused, or said
    // not to be supported.
    const elsewhere = new Set([
      'compat',
      'rules',
      'frame_encoder.resnet_backbone',
      `${VARIABLE}.3D`,
    ]);
    const unread = keys.filter((key) => !reads.has(key) && !listed.has(key) && !elsewhere.has(key));
    expect(unread).toEqual([]);
  });

  it('that is listed as having no effect is a key, and is read nowhere', () => {
    const reads = new Set<string>();
    for (const raw of MODELS) use(raw, reads);
    const keys = new Set(allKeys());
    for (const key of WITHOUT_EFFECT) {
      expect(keys, key).toContain(key);
      expect(reads, key).not.toContain(key);
    }
  });
});
