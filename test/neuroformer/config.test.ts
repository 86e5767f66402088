import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../src/neuroformer/config.js';
import { RULE_NAMES } from '../../src/neuroformer/rules.js';
import { ConfigError } from '../../src/text/schema.js';

/** The values of the original's configs/V1AL/mconf.yaml. */
const V1AL = {
  dropout: { attn: 0.2, embd: 0.2, pos: 0.2, resid: 0.2, temp: 0.2, b: 0.2, id: 0.2, im: 0.2 },
  block_size: { behavior: 15, frame: 446, id: 100, prev_id: 100 },
  layers: {
    state_history: 6,
    state: 6,
    stimulus: 6,
    behavior: 6,
    self_att: 6,
    modalities: { n_behavior: 25 },
  },
  sparse: { p: null, mask: false, topk: null, topk_frame: null, topk_id: null, topk_prev_id: null },
  window: { frame: 0.2, curr: 0.05, prev: 0.15 },
  predict: null,
  frame_encoder: {
    conv_layer: true,
    kernel_size: [3, 8, 8],
    stride_size: [3, 4, 4],
    n_embd: 256,
    n_embd_frames: 64,
    resnet_backbone: false,
  },
  contrastive: { contrastive: false, vars: ['id', 'frames'], clip_embd: 1024, clip_temp: 0.5 },
  resolution: { dt: 0.01, frames: 0.05 },
  mlp_only: false,
  gru_only: false,
  gru2_only: false,
  class_weights: null,
  freeze_weights: null,
  n_head: 8,
  epoch: 0,
  n_embd: 256,
  pos_emb: true,
  pretrain: false,
  temp_emb: true,
  vit_encoder: true,
  ingore_index_pad: true,
  selection: 'sel1',
};

const speed = { data: 'speed', dt: 0.05, objective: 'regression', predict: true };
const behavior = (changes: object = {}, variable: object = {}) => ({
  modalities: {
    behavior: {
      n_layers: 4,
      window: 0.05,
      variables: { speed: { ...speed, ...variable } },
      ...changes,
    },
  },
});

describe('a configuration', () => {
  it('of the original loads unchanged, with notes about misspelled keys and settings without effect', () => {
    const { config, notes } = parseConfig(V1AL);
    expect(config).toMatchObject({
      n_embd: 256,
      n_head: 8,
      block_size: { id: 100, prev_id: 100 },
      window: { frame: 0.2 },
    });
    expect(config.ignore_index_pad).toBe(true);
    expect(config.modalities).toEqual({});
    expect(notes[0]).toBe('ingore_index_pad is read as ignore_index_pad.');
    expect(notes[1]).toMatch(/^These settings have no effect: layers\.behavior, .*selection\.$/);
  });

  it('of an earlier run loads, with a note about a key that has another spelling now', () => {
    const { config, notes } = parseConfig({ rules: { standardised: false, mask_padding: false } });
    expect(config.rules).toMatchObject({ standardized: false, mask_padding: false });
    expect(config.rules).not.toHaveProperty('standardised');
    expect(notes).toEqual(['rules.standardised is read as rules.standardized.']);
  });

  it('is complete by default, and follows the paper', () => {
    const { config, notes } = parseConfig({});
    expect(notes).toEqual([]);
    expect(config).toMatchObject({
      compat: 'paper',
      n_embd: 256,
      pool: 'mean',
      window: { curr: 0.05, prev: 0.15, frame: null },
    });
    expect(RULE_NAMES.every((name) => config.rules[name])).toBe(true);
  });

  it('turns every switch off for the original, and single ones on again', () => {
    const original = parseConfig({ compat: 'original' }).config.rules;
    expect(RULE_NAMES.some((name) => original[name])).toBe(false);
    const { rules } = parseConfig({ compat: 'original', rules: { mask_padding: true } }).config;
    expect(RULE_NAMES.filter((name) => rules[name])).toEqual(['mask_padding']);
  });

  it('is the same after conversion to JSON and back', () => {
    for (const raw of [V1AL, { ...V1AL, ...behavior(), compat: 'original' }]) {
      const { config } = parseConfig(raw);
      expect(parseConfig(JSON.parse(JSON.stringify(config))).config).toEqual(config);
    }
  });

  it('keeps the settings of a modality’s variables', () => {
    const { config } = parseConfig(behavior({}, { objective: 'classification', resolution: 0.5 }));
    expect(config.modalities.behavior!.variables.speed).toEqual({
      ...speed,
      objective: 'classification',
      resolution: 0.5,
    });
  });
});

const INVALID: [string, unknown, string][] = [
  ['a string', 'n_embd: 3', 'A configuration should be keys with values, but is "n_embd: 3".'],
  ['a list', [], 'A configuration should be keys with values, but is [].'],
  ['a misspelled key', { n_emb: 3 }, 'n_emb is not known; did you mean n_embd?'],
  [
    'a misspelled key in a section',
    { dropout: { atn: 0.1 } },
    'dropout.atn is not known; did you mean dropout.attn?',
  ],
  [
    'an unknown key',
    { window: { future: 1 } },
    'window.future is not known; the known keys are curr, prev, frame, speed.',
  ],
  [
    'a string instead of a number',
    { n_embd: '256' },
    'n_embd should be a whole number from 1 up to 1048576, but is "256".',
  ],
  [
    'a fraction',
    { n_head: 2.5 },
    'n_head should be a whole number from 1 up to 1048576, but is 2.5.',
  ],
  ['NaN', { window: { curr: Number.NaN } }, 'window.curr should be a number above 0, but is NaN.'],
  [
    'a negative count',
    { layers: { state: -1 } },
    'layers.state should be a whole number from 0 up to 256, but is -1.',
  ],
  [
    'a dropout of 1',
    { dropout: { resid: 1 } },
    'dropout.resid should be a number from 0 up to 0.999, but is 1.',
  ],
  [
    'yes instead of true',
    { vit_encoder: 'yes' },
    'vit_encoder should be true or false, but is "yes".',
  ],
  [
    'a number of heads that does not divide the width',
    { n_embd: 100, n_head: 8 },
    'n_head should divide n_embd, but 8 does not divide 100.',
  ],
  [
    'heads that are too wide',
    { n_embd: 512, n_head: 2 },
    'n_embd / n_head should be at most 128, but is 256: use more heads.',
  ],
  [
    'a window that is not a multiple of dt',
    { window: { curr: 0.055 } },
    'window.curr should be a multiple of resolution.dt, 0.01 s, but is 0.055.',
  ],
  [
    'a dt that does not divide the windows',
    { window: { prev: 0.15 }, resolution: { dt: 0.02 } },
    'window.curr should be a multiple of resolution.dt, 0.02 s, but is 0.05.',
  ],
  [
    'a block without room for a spike',
    { block_size: { id: 2 } },
    'block_size.id should be a whole number from 3 up to 1048576, but is 2.',
  ],
  [
    'a kernel with two sizes',
    { frame_encoder: { kernel_size: [3, 8] } },
    'frame_encoder.kernel_size should be a list of 3, but is [3,8].',
  ],
  [
    'a stride of 0',
    { frame_encoder: { stride_size: [1, 0, 1] } },
    'frame_encoder.stride_size[1] should be a whole number from 1, but is 0.',
  ],
  [
    'a patch that is not a square',
    { frame_encoder: { conv_layer: false, n_embd_frames: 60 } },
    'frame_encoder.n_embd_frames should be a square number, the pixels of a patch, but is 60.',
  ],
  [
    'a backbone',
    { frame_encoder: { resnet_backbone: true } },
    'frame_encoder.resnet_backbone should be false',
  ],
  [
    'two baselines',
    { mlp_only: true, gru_only: true },
    'Only one baseline can be on, but mlp_only and gru_only are.',
  ],
  [
    'loss weights above 1',
    { loss: { gamma: 0.5, mu: 0.6 }, contrastive: { contrastive: true }, window: { frame: 0.2 } },
    'loss.gamma + loss.mu should be at most 1, but is 0.5 + 0.6: the rest is the weight of L_dt.',
  ],
  [
    'a loss weight of a variable that is not predicted',
    { ...behavior(), loss: { variables: { sped: 2 } } },
    'loss.variables.sped is not a predicted variable; predicted are: speed.',
  ],
  [
    'the same name in two groups',
    { modalities: { a: behavior().modalities.behavior, b: behavior().modalities.behavior } },
    'modalities.b.variables.speed should have a unique name, but modalities.a has a variable with that name: choose another and add data: speed.',
  ],
  ['an unknown pool', { pool: 'max' }, 'pool should be one of "mean", "eos", but is "max".'],
  [
    'an unknown compat',
    { compat: 'old' },
    'compat should be one of "paper", "original", but is "old".',
  ],
  [
    'an unknown rule',
    { rules: { causal_grus: true } },
    'rules.causal_grus is not known; did you mean rules.causal_gru?',
  ],
  [
    'a group without variables',
    behavior({ variables: {} }),
    'modalities.behavior.variables should name at least one variable.',
  ],
  [
    'a group without a window',
    behavior({ window: undefined }),
    'modalities.behavior.window should be a number above 0, but is missing.',
  ],
  [
    'a prediction without an objective',
    behavior({}, { objective: null }),
    'modalities.behavior.variables.speed.objective should be regression, circular or classification, because the variable is predicted.',
  ],
  [
    'an input that no block attends to',
    behavior({ n_layers: 0 }, { predict: false }),
    'modalities.behavior.n_layers should be above 0, because speed is an input',
  ],
  [
    'an unknown objective',
    behavior({}, { objective: 'rank' }),
    'modalities.behavior.variables.speed.objective should be one of "regression", "circular", "classification", null, but is "rank".',
  ],
  [
    'a single feature to align',
    { contrastive: { contrastive: true, vars: ['id'] } },
    'contrastive.vars should name at least two features, but is ["id"].',
  ],
  [
    'video to align, but no video',
    { contrastive: { contrastive: true } },
    'contrastive.vars[1] is frames, but window.frame is null',
  ],
  [
    'an unknown feature to align',
    { contrastive: { contrastive: true, vars: ['id', 'sound'] } },
    'contrastive.vars[1] should be id, frames, eos or { group: variable }, but is "sound".',
  ],
  [
    'an unknown variable to align',
    { contrastive: { contrastive: true, vars: ['id', { behavior: 'gaze' }] }, ...behavior() },
    'modalities.behavior has no variable "gaze".',
  ],
  [
    'negative class weights',
    { class_weights: { id: [1, -1] } },
    'class_weights.id[1] should be a number from 0, but is -1.',
  ],
];

describe('an invalid configuration', () => {
  it.each(INVALID)('with %s is rejected, naming the key', (_, raw, sentence) => {
    expect(() => parseConfig(raw)).toThrow(sentence);
    expect(() => parseConfig(raw)).toThrow(ConfigError);
  });
});
