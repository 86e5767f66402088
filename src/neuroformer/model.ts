/**
 * Neuroformer (Antoniades et al., ICLR 2024), figure 1 from left to right: current state, past state, stimulus and
 * other modalities are embedded; the current state and the stimulus pass feature encoders; cross-modal fusion lets the
 * current state attend to the past, the stimulus and every modality in turn; the causal decoder attends to itself; heads
 * read out the next neuron, its time, and what is decoded; and features of the modalities are aligned by contrast.
 */

import { Embedding, LayerNorm, Linear } from '../nn/layers.js';
import type { Declare, ParameterStore } from '../nn/parameters.js';
import { dropout } from '../tensor/elementwise.js';
import { addPositions, type Tokens } from '../tensor/embedding.js';
import type { RandomState } from '../tensor/random.js';
import { concatenate, meanPool, slice } from '../tensor/sequence.js';
import type { Tensor } from '../tensor/tensor.js';
import { type Baseline, GruBaseline, MlpBaseline } from './baselines.js';
import type { ModelConfig, VariableConfig } from './config.js';
import {
  BehaviorEmbedding,
  sequenceCode,
  TokenEmbedding,
  type TokenSettings,
  VideoEncoder,
  type VideoSettings,
  videoCode,
} from './embeddings.js';
import { type Observe, Pass, Stack } from './stack.js';
import { configuredVariables, isClassified, targetWidth } from './variables.js';

/** Sizes that come from the data: vocabularies, and classes of each classified variable. */
export interface ModelSizes {
  readonly ids: number;
  readonly times: number;
  /** By variable. */
  readonly classes?: Readonly<Record<string, number>>;
}

/** Samples of one behaviour variable: values [B, n] and times in seconds [B, n]. */
export interface BehaviorInput {
  readonly values: Tensor;
  readonly times: Tensor;
}

/** One batch as the model reads it. */
export interface ModelInputs {
  readonly ids: Tokens;
  /** Time tokens as numbers, f32 [B, T]. */
  readonly times: Tensor;
  readonly pastIds: Tokens;
  /** f32 [B, P] */
  readonly pastTimes: Tensor;
  /** [B, 1, frames, height, width]; a batch without video skips its blocks. */
  readonly frames?: Tensor | undefined;
  /** By group and variable; a group without any is skipped. */
  readonly behavior?: Readonly<Record<string, Readonly<Record<string, BehaviorInput>>>> | undefined;
  /** u32, zero where a key is padding: [B, T] and [B, P]. Not used where padding is not masked. */
  readonly mask?: Tensor | undefined;
  readonly pastMask?: Tensor | undefined;
  /** u32 [B, T], one at each window's EOS and zero elsewhere; needed where something is read from it. */
  readonly eos?: Tensor | undefined;
}

/** What the model makes of a batch. */
export interface ModelOutputs {
  /** [B, T, ids] and [B, T, times] */
  readonly idLogits: Tensor;
  readonly timeLogits: Tensor;
  /** What the heads read, [B, T, width]. */
  readonly lastLayer: Tensor;
  /** By variable: [B, 1] regressed, [B, 2] cosine and sine of an angle, or [B, classes]. */
  readonly predictions: Readonly<Record<string, Tensor>>;
  /** Features that can be aligned: 'id', 'eos', 'frames', 'group.variable', each [B, width] before projection. */
  readonly features: Readonly<Record<string, Tensor>>;
}

/** A group of behaviour variables: those that enter, and the blocks that attend to them. */
interface Modality {
  readonly inputs: Readonly<Record<string, BehaviorEmbedding>>;
  readonly attend: Stack;
}

export class Neuroformer {
  /** Every stack of blocks by the name its activations have: 'encoder.id', 'history', 'state' and so on. */
  readonly stacks: Readonly<Record<string, Stack>>;
  readonly config: ModelConfig;
  readonly currentState: TokenEmbedding;
  readonly pastState: TokenEmbedding;
  readonly stimulus: VideoEncoder | undefined;
  readonly modalities: Readonly<Record<string, Modality>>;
  readonly encodeState: Stack;
  readonly encodeFrames: Stack;
  readonly attendToPast: Stack;
  readonly attendToStimulus: Stack;
  readonly decoder: Stack;
  readonly baseline: Baseline | undefined;
  readonly heads: { id: Linear; time: Linear; variables: Readonly<Record<string, Linear>> };
  readonly #projection: Linear | undefined;
  #random: RandomState | undefined;

  /** Declares every parameter in `store`, under the original's names. */
  constructor(store: ParameterStore, config: ModelConfig, sizes: ModelSizes) {
    this.config = config;
    const { n_embd: width, layers, block_size, rules } = config;
    const encoder = store.scope('feature_encoder');
    const trunk = store.scope('neural_visual_transformer');
    const stacks: Record<string, Stack> = {};
    const stack = (name: string, scope: Declare, count: number) => {
      stacks[name] = new Stack(name, scope, count, stackSettings(config, name));
      return stacks[name];
    };
    this.stacks = stacks;

    const table = new Embedding(store.scope('tok_emb'), sizes.ids, width);
    const tokens = tokenSettings(config);
    this.currentState = new TokenEmbedding(store, '', table, {
      ...tokens,
      name: 'id',
      block: block_size.id,
    });
    this.pastState = new TokenEmbedding(store, '_prev', table, {
      ...tokens,
      name: 'id_prev',
      block: block_size.prev_id,
    });

    const frameBlocks = config.window.frame === null ? 0 : layers.stimulus;
    if (frameBlocks > 0)
      this.stimulus = new VideoEncoder(store.scope('video_encoder'), width, videoSettings(config));
    this.encodeState = stack('encoder.id', encoder.scope('neural_state_blocks'), layers.state);
    this.encodeFrames = stack(
      'encoder.frames',
      encoder.scope('frame_state_blocks'),
      config.vit_encoder ? frameBlocks : 0,
    );

    this.attendToPast = stack(
      'history',
      trunk.scope('neural_state_history_blocks'),
      layers.state_history,
    );
    this.attendToStimulus = stack(
      'stimulus',
      trunk.scope('neural_state_stimulus_blocks'),
      frameBlocks,
    );
    const modalities: Record<string, Modality> = {};
    for (const [name, { n_layers, variables }] of Object.entries(config.modalities)) {
      const scope = store.scope(`modality_embeddings.${name}`);
      const embedding = (variable: string) =>
        new BehaviorEmbedding(scope.scope(variable), width, rules.behavior_values);
      const inputs = Object.keys(variables).map((variable) => [variable, embedding(variable)]);
      const count = rules.layers_per_group
        ? n_layers
        : Object.values(config.modalities).at(-1)!.n_layers;
      modalities[name] = {
        inputs: Object.fromEntries(inputs),
        attend: stack(name, trunk.scope(`modalities_blocks.${name}`), count),
      };
    }
    this.modalities = modalities;
    this.decoder = stack('state', trunk.scope('neural_state_blocks'), layers.state);
    // The original owns this layer and never calls it; it stays for the sake of its weight files.
    new LayerNorm(trunk.scope('ln_f'), width);
    this.baseline = createBaseline(store, config);

    this.heads = {
      variables: variableHeads(store.scope('modality_projection_heads'), config, sizes),
      id: new Linear(store.scope('head_id'), width, sizes.ids, { bias: false }),
      time: new Linear(store.scope('head_dt'), width, sizes.times, { bias: false }),
    };
    if (config.contrastive.contrastive) {
      const aligned = rules.clip_width ? config.contrastive.clip_embd : width;
      this.#projection = new Linear(store.scope('clip.proj'), width, aligned, { bias: false });
    }
  }

  /** Turns dropout on, with masks drawn from `random`, or off. */
  setDropout(random: RandomState | undefined): void {
    this.#random = random;
  }

  /** Everything from tokens to logits. */
  forward(inputs: ModelInputs, observe: Observe = () => {}): ModelOutputs {
    const pass = new Pass(observe, this.#random);
    const masked = this.config.rules.mask_padding;
    const mask = masked ? inputs.mask : undefined;
    const pastMask = masked ? inputs.pastMask : undefined;

    const embedded = this.currentState.call(inputs.ids, inputs.times, pass);
    const past = this.pastState.call(inputs.pastIds, inputs.pastTimes, pass);
    const current = this.encodeState.call(embedded, { causal: true, mask }, pass);
    const stimulus = inputs.frames && this.encodeStimulus(inputs.frames, embedded, pass);
    const behavior = this.embedBehavior(inputs.behavior ?? {}, pass);

    let lastLayer: Tensor;
    if (this.baseline) {
      const drop = () => pass.drop(this.config.dropout.gru);
      lastLayer = this.baseline.call({ current, past, mask, pastMask, drop });
    } else {
      let fused = this.attendToPast.call(current, { source: past, mask: pastMask }, pass);
      if (stimulus) fused = this.attendToStimulus.call(fused, { source: stimulus }, pass);
      for (const { attend, tokens } of behavior.groups)
        fused = attend.call(fused, { source: tokens }, pass);
      lastLayer = this.decoder.call(fused, { causal: true, mask }, pass);
    }

    const mean = meanPool(lastLayer, mask);
    const state = this.config.pool === 'eos' ? meanPool(lastLayer, expectEos(inputs)) : mean;
    const features: Record<string, Tensor> = { ...behavior.features, id: mean };
    if (stimulus) features.frames = meanPool(stimulus);
    if (inputs.eos) features.eos = meanPool(current, inputs.eos);
    const variables = Object.entries(this.heads.variables);
    return {
      idLogits: this.heads.id.call(lastLayer),
      timeLogits: this.heads.time.call(lastLayer),
      lastLayer,
      predictions: Object.fromEntries(variables.map(([name, head]) => [name, head.call(state)])),
      features,
    };
  }

  /**
   * What the blocks named attend to, such as 'history.0' or 'state.2': each query's probability for each key.
   *
   * @returns by name, [B, heads, queries, keys]
   * @throws Error naming the blocks there are.
   */
  attention(inputs: ModelInputs, blocks: readonly string[]): Record<string, Tensor> {
    const engine = inputs.times.engine;
    return engine.scope(() => {
      const found: Record<string, Tensor> = {};
      const seen: string[] = [];
      this.forward(inputs, (name, value) => {
        const block = name.endsWith('.attention') ? name.slice(0, -'.attention'.length) : '';
        if (block) seen.push(block);
        if (blocks.includes(block)) found[block] = value();
      });
      const unknown = blocks.find((block) => !(block in found));
      if (unknown !== undefined)
        throw new Error(`There is no block ${unknown} in this model: it has ${seen.join(', ')}.`);
      return found;
    });
  }

  /** A feature in the space where modalities are aligned: [B, width] to [B, aligned width]. */
  project(feature: Tensor): Tensor {
    if (!this.#projection)
      throw new Error('contrastive.contrastive is off: there is no projection.');
    return this.#projection.call(feature);
  }

  /** The window's first token, then the video's, with or without their places, through self-attention. */
  encodeStimulus(frames: Tensor, embedded: Tensor, pass: Pass): Tensor | undefined {
    if (!this.stimulus) return undefined;
    const { rules, n_embd, dropout: rates } = this.config;
    const { tokens, grid } = this.stimulus.call(frames);
    pass.observe('video', () => tokens);
    const placed = rules.video_positions
      ? addPositions(tokens, videoCode(tokens, grid, n_embd))
      : tokens;
    const sequence = dropout(concatenate([slice(embedded, 0, 1), placed]), pass.drop(rates.im));
    pass.observe('embed.frames', () => sequence);
    return this.encodeFrames.call(sequence, {}, pass);
  }

  /** Each group's variables one after the other, with their positions; groups the batch has nothing of are left out. */
  embedBehavior(given: NonNullable<ModelInputs['behavior']>, pass: Pass) {
    const { n_embd: width, dropout: rates } = this.config;
    const features: Record<string, Tensor> = {};
    const groups: { attend: Stack; tokens: Tensor }[] = [];
    for (const [name, { inputs, attend }] of Object.entries(this.modalities)) {
      const parts = Object.entries(inputs).flatMap(([variable, embedding]) => {
        const samples = given[name]?.[variable];
        if (!samples) return [];
        const part = embedding.call(samples.values, samples.times, pass.drop(rates.id));
        pass.observe(`embed.${name}.${variable}`, () => part);
        features[`${name}.${variable}`] = meanPool(part);
        return [part];
      });
      if (parts.length === 0) continue;
      const joined = concatenate(parts);
      const tokens = addPositions(joined, sequenceCode(joined, joined.axis(1), width));
      pass.observe(`modality.${name}.all`, () => tokens);
      groups.push({ attend, tokens });
    }
    return { groups, features };
  }
}

function expectEos({ eos }: ModelInputs): Tensor {
  if (!eos) throw new Error('pool is eos, but the batch does not say where each window ends.');
  return eos;
}

function stackSettings({ n_embd, n_head, sparse, dropout: rates }: ModelConfig, name: string) {
  const { topk, topk_id, topk_frame } = sparse;
  const kinds: Record<string, number | null> = {
    'encoder.id': topk_id,
    history: topk_id,
    state: topk_id,
    'encoder.frames': topk_frame,
    stimulus: topk_frame,
  };
  return { width: n_embd, heads: n_head, topK: kinds[name] ?? topk ?? undefined, dropout: rates };
}

function tokenSettings({ n_embd, pos_emb, temp_emb, wave_emb, dropout: rates }: ModelConfig) {
  const learnt = temp_emb ? 'learnt' : 'none';
  const time: TokenSettings['time'] = wave_emb ? 'sinusoidal' : learnt;
  return { width: n_embd, positions: pos_emb, time, dropout: rates };
}

function videoSettings({ frame_encoder }: ModelConfig): VideoSettings {
  const { conv_layer, features, kernel_size, stride_size, n_embd_frames } = frame_encoder;
  return {
    kind: features ? 'features' : conv_layer ? 'convolution' : 'patches',
    kernel: kernel_size as [number, number, number],
    stride: (stride_size ?? kernel_size) as [number, number, number],
    inner: n_embd_frames,
  };
}

function createBaseline(store: ParameterStore, config: ModelConfig): Baseline | undefined {
  const { n_embd, mlp_only, gru_only, gru2_only, rules } = config;
  if (mlp_only) return new MlpBaseline(store.scope('mlp'), n_embd, rules);
  if (gru_only || gru2_only) return new GruBaseline(store.scope('gru'), n_embd, gru2_only, rules);
  return undefined;
}

/** What is decoded: one number of a regressed variable, two of an angle, the classes of a classified one. */
function variableHeads(scope: Declare, config: ModelConfig, sizes: ModelSizes) {
  const heads: Record<string, Linear> = {};
  for (const { group, name, setting } of configuredVariables(config)) {
    if (!setting.predict) continue;
    const at = scope.scope(`${group}.${name}`);
    heads[name] = isClassified(setting)
      ? new Linear(at, config.n_embd, classCount(name, setting, config, sizes), { bias: false })
      : new Linear(at, config.n_embd, targetWidth(setting));
  }
  return heads;
}

/** How many classes a variable has: as many as its vocabulary, or what the configuration says. */
function classCount(
  name: string,
  { n_classes }: VariableConfig,
  { rules }: ModelConfig,
  sizes: ModelSizes,
): number {
  const own = sizes.classes?.[name];
  const classes = rules.own_classes ? (own ?? n_classes) : (n_classes ?? own);
  if (classes === undefined) {
    throw new Error(
      `${name} is classified, but nobody says how many classes it has: set n_classes, or give its vocabulary.`,
    );
  }
  return classes;
}
