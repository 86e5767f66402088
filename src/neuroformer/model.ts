/**
 * Neuroformer (Antoniades et al., ICLR 2024), figure 1 from left to right. Current state, past
 * state, stimulus and other modalities are embedded. Feature encoders process the current state and
 * the stimulus. In the cross-modal fusion the current state attends to the past, the stimulus and
 * every modality in turn. The causal decoder attends to itself. Heads predict the next neuron, its
 * time, and variables. A contrastive loss aligns features of the modalities.
 */

import { FAN_IN_WEIGHTS, GPT_WEIGHTS } from '../nn/init.js';
import { Embedding, LayerNorm, Linear } from '../nn/layers.js';
import type { ParameterScope, ParameterStore } from '../nn/parameters.js';
import { SPECIAL_TOKENS } from '../recording/vocabularies.js';
import type { Triple } from '../tensor/conv3d.js';
import { dropout } from '../tensor/elementwise.js';
import { addPositions, type Tokens } from '../tensor/embedding.js';
import type { RandomState } from '../tensor/random.js';
import { concatenate, meanPool, slice } from '../tensor/sequence.js';
import type { Tensor } from '../tensor/tensor.js';
import { type Baseline, GruBaseline, MlpBaseline } from './baselines.js';
import type { ModelConfig, VariableConfig } from './config.js';
import { Drives } from './drives.js';
import {
  BehaviorEmbedding,
  encodeSequence,
  TokenEmbedding,
  type TokenSettings,
  VideoEncoder,
  type VideoSettings,
  videoPlaces,
} from './embeddings.js';
import { Readout } from './readout.js';
import { type Observer, PassContext, Stack, type Taps } from './stack.js';
import { isTuned, TunedDecoder, type TuningWeights, tunedLags } from './tuning.js';
import { configuredVariables, hasPerceptron, isClassified, targetWidth } from './variables.js';

/** The sizes of a model that its vocabularies and its video determine. */
export interface ModelSizes {
  /** Neuron tokens, with SOS, EOS and PAD. */
  readonly ids: number;
  /** Time tokens, with SOS, EOS and PAD. */
  readonly times: number;
  /** Classes of each classified variable, by name. */
  readonly classes?: Readonly<Record<string, number>>;
  /**
   * Share of each neuron token among the next tokens of training windows, [ids]; needed for
   * `frequency_bias` and `population_coupling`.
   */
  readonly frequencies?: readonly number[] | undefined;
  /** The shape of a window's video, [frames, height, width]; needed for learned positions. */
  readonly frames?: Triple | undefined;
  /**
   * The tuning curves that the weights of a readout start from, by the name of the variable.
   * Default: zeros, for weights that will be loaded.
   */
  readonly tuning?: Readonly<Record<string, TuningWeights>> | undefined;
}

/** The samples of one behavior variable. */
export interface BehaviorInput {
  /** Scaled values, [B, n]. */
  readonly values: Tensor;
  /** Seconds from the window's start, [B, n]. */
  readonly times: Tensor;
}

/** One batch of windows as the model reads it: T current tokens, P past tokens. */
export interface ModelInputs {
  /** Neuron tokens of the current window, [B, T]. */
  readonly ids: Tokens;
  /** Time tokens of the current window as numbers, f32 [B, T]. */
  readonly times: Tensor;
  /** Neuron tokens of the past window, [B, P]. */
  readonly pastIds: Tokens;
  /** Time tokens of the past window as numbers, f32 [B, P]. */
  readonly pastTimes: Tensor;
  /** [B, 1, frames, height, width]. Without it the model skips the blocks of video. */
  readonly frames?: Tensor | undefined;
  /** Standardized square roots of spike counts, [B, bins * neurons], for a readout's perceptron. */
  readonly counts?: Tensor | undefined;
  /** Spike counts, then seconds by lag, [B, lags * (neurons + 1)], for tuning curves. */
  readonly evidence?: Tensor | undefined;
  /** Samples by group and variable. The model skips the blocks of a group without samples. */
  readonly behavior?: Readonly<Record<string, Readonly<Record<string, BehaviorInput>>>> | undefined;
  /** u32 [B, T], zero at padding of the current window. Used only if padding is masked. */
  readonly mask?: Tensor | undefined;
  /** u32 [B, P], zero at padding of the past window. Used only if padding is masked. */
  readonly pastMask?: Tensor | undefined;
  /**
   * u32 [B, T], one at each window's EOS and zero elsewhere. Required where a prediction or a
   * feature reads EOS.
   */
  readonly eos?: Tensor | undefined;
}

/** What the model computes from a batch. */
export interface ModelOutputs {
  /** Logits of the next neuron token, [B, T, ids]. */
  readonly idLogits: Tensor;
  /** Logits of the next time token, [B, T, times]. */
  readonly timeLogits: Tensor;
  /** The input of the heads, [B, T, width]. */
  readonly lastLayer: Tensor;
  /**
   * Predictions by variable: [B, 1] of a regression, [B, 2] cosine and sine of an angle, or
   * [B, classes] logits.
   */
  readonly predictions: Readonly<Record<string, Tensor>>;
  /** Features to align, [B, width] before projection: 'id', 'eos', 'frames', 'group.variable'. */
  readonly features: Readonly<Record<string, Tensor>>;
}

/**
 * A group of behavior variables: the embeddings of its inputs, and the blocks that attend to them.
 */
interface Modality {
  readonly inputs: Readonly<Record<string, BehaviorEmbedding>>;
  readonly attention: Stack;
}

/** The tokens of a group of behavior variables, and the blocks that attend to them. */
interface BehaviorTokens {
  readonly name: string;
  readonly attention: Stack;
  /** [B, S, width] */
  readonly tokens: Tensor;
}

/**
 * The model: declares its parameters in a store, and computes logits, predictions and attention of
 * batches.
 */
export class Neuroformer {
  /**
   * Every stack of blocks by the name of its activations: 'encoder.id', 'history', 'state' and so
   * on.
   */
  readonly stacks: Readonly<Record<string, Stack>>;
  /** The configuration. */
  readonly config: ModelConfig;
  /** Embeds the current window's tokens. */
  readonly currentState: TokenEmbedding;
  /** Embeds the past window's tokens. */
  readonly pastState: TokenEmbedding;
  /** Embeds the video; undefined in a model without video. */
  readonly stimulus: VideoEncoder | undefined;
  /** Groups of behavior variables, by name. */
  readonly modalities: Readonly<Record<string, Modality>>;
  /** Causal self-attention over the current window. */
  readonly stateEncoder: Stack;
  /** Self-attention over the video. */
  readonly frameEncoder: Stack;
  /** Attention from the current window to the past window. */
  readonly pastAttention: Stack;
  /** Attention from the current window to the video. */
  readonly stimulusAttention: Stack;
  /** Causal self-attention after the fusion. */
  readonly decoder: Stack;
  /** Replaces fusion and decoder; undefined for the transformer. */
  readonly baseline: Baseline | undefined;
  /** Optional heads that add to the logits of the next neuron. */
  readonly drives: Drives;
  /** The heads that predict neuron, time and variables. */
  readonly heads: {
    /** [..., width] to logits of neuron tokens. */
    id: Linear;
    /** [..., width] to logits of time tokens. */
    time: Linear;
    /** By variable. */
    variables: Readonly<Record<string, Linear>>;
  };
  /** Reads the variables by queries of their own; undefined where they are read from `pool`. */
  readonly readout: Readout | undefined;
  readonly #projection: Linear | undefined;
  #random: RandomState | undefined;

  /**
   * Declares every parameter in a store, with the original's names.
   *
   * @param parameters the store
   */
  constructor(parameters: ParameterStore, config: ModelConfig, sizes: ModelSizes) {
    this.config = config;
    const { n_embd: width, layers, block_size, rules } = config;
    const initialWeights = config.initial_weights === 'fan_in' ? FAN_IN_WEIGHTS : GPT_WEIGHTS;
    const store = parameters.withInitialWeights(initialWeights);
    const encoder = store.scope('feature_encoder');
    const trunk = store.scope('neural_visual_transformer');
    const stacks: Record<string, Stack> = {};
    const stack = (name: string, scope: ParameterScope, count: number) => {
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
    if (readsVideo(config)) {
      const video = store.scope('video_encoder');
      const tokens = learnedPositions(config, sizes);
      this.stimulus = new VideoEncoder(video, width, videoSettings(config), tokens);
    }
    this.stateEncoder = stack(
      'encoder.id',
      encoder.scope('neural_state_blocks'),
      layers.encoder ?? layers.state,
    );
    this.frameEncoder = stack(
      'encoder.frames',
      encoder.scope('frame_state_blocks'),
      config.vit_encoder ? frameBlocks : 0,
    );

    this.pastAttention = stack(
      'history',
      trunk.scope('neural_state_history_blocks'),
      layers.state_history,
    );
    this.stimulusAttention = stack(
      'stimulus',
      trunk.scope('neural_state_stimulus_blocks'),
      frameBlocks,
    );
    const modalities: Record<string, Modality> = {};
    for (const [name, { n_layers, variables }] of Object.entries(config.modalities)) {
      const group = store.scope(`modality_embeddings.${name}`);
      const embedding = (variable: string) =>
        new BehaviorEmbedding(group.scope(variable), width, rules.behavior_values);
      const inputs = Object.keys(variables).map((variable) => [variable, embedding(variable)]);
      // The original gives every group the layer count of the last one.
      const count = rules.layers_per_group
        ? n_layers
        : Object.values(config.modalities).at(-1)!.n_layers;
      modalities[name] = {
        inputs: Object.fromEntries(inputs),
        attention: stack(name, trunk.scope(`modalities_blocks.${name}`), count),
      };
    }
    this.modalities = modalities;
    this.decoder = stack('state', trunk.scope('neural_state_blocks'), layers.state);
    // The original has this layer and never calls it. It is declared so that the original's weight
    // files fit.
    new LayerNorm(trunk.scope('ln_f'), width);
    this.baseline = createBaseline(store, config);
    this.drives = new Drives(store, config, sizes.ids, sizes.frequencies);

    // Small weights: predictions start near the mean, and all tokens are almost equally likely.
    const heads = parameters.withInitialWeights(GPT_WEIGHTS);
    this.heads = {
      variables: variableHeads(heads.scope('modality_projection_heads'), config, sizes),
      id: new Linear(heads.scope('head_id'), width, sizes.ids, { bias: false }),
      time: new Linear(heads.scope('head_dt'), width, sizes.times, { bias: false }),
    };
    if (config.readout) {
      const { blocks, bins, hidden, dropout } = config.readout;
      const readout = store.scope('readout');
      this.readout = new Readout(readout, this.heads.variables, {
        stack: stackSettings(config, 'readout'),
        blocks,
        hidden,
        dropout,
        counts: hasPerceptron(config) ? bins * (sizes.ids - SPECIAL_TOKENS) : 0,
        tuned: tunedDecoders(readout.scope('tuning'), config, sizes),
      });
    }
    if (config.contrastive.contrastive) {
      const aligned = rules.clip_width ? config.contrastive.clip_embd : width;
      this.#projection = new Linear(store.scope('clip.proj'), width, aligned, { bias: false });
    }
  }

  /** Turns dropout on, with masks from `random`, or off. */
  setDropout(random: RandomState | undefined): void {
    this.#random = random;
  }

  /**
   * Computes logits, predictions and features of a batch.
   *
   * @param observe called with every activation
   * @param taps replace intermediate results
   * @throws Error where a prediction or a feature needs an input that is missing.
   */
  forward(inputs: ModelInputs, observe: Observer = () => {}, taps?: Taps): ModelOutputs {
    const pass = new PassContext(observe, this.#random, taps);
    const masksPadding = this.config.rules.mask_padding;
    const mask = masksPadding ? inputs.mask : undefined;
    const pastMask = masksPadding ? inputs.pastMask : undefined;

    const embedded = this.currentState.call(inputs.ids, inputs.times, pass);
    const past = this.pastState.call(inputs.pastIds, inputs.pastTimes, pass);
    const current = this.stateEncoder.call(embedded, { causal: true, mask }, pass);
    const stimulus = inputs.frames && this.encodeStimulus(inputs.frames, embedded, pass);
    const behavior = this.embedBehavior(inputs.behavior ?? {}, pass);

    let lastLayer: Tensor;
    if (this.baseline) {
      const nextDropout = () => pass.nextDropout(this.config.dropout.gru);
      lastLayer = this.baseline.call({ current, past, mask, pastMask, nextDropout });
    } else {
      let fused = this.pastAttention.call(current, { source: past, mask: pastMask }, pass);
      if (stimulus) fused = this.stimulusAttention.call(fused, { source: stimulus }, pass);
      for (const { attention, tokens } of behavior.groups)
        fused = attention.call(fused, { source: tokens }, pass);
      lastLayer = this.decoder.call(fused, { causal: true, mask }, pass);
    }

    const mean = meanPool(lastLayer, mask);
    const features: Record<string, Tensor> = { ...behavior.features, id: mean };
    if (stimulus) features.frames = meanPool(stimulus);
    if (inputs.eos) features.eos = meanPool(current, inputs.eos);
    const drive = this.windowDrive(inputs, stimulus, behavior.groups, pass);
    const idLogits = this.drives.apply(this.heads.id.call(lastLayer), drive, {
      ids: inputs.ids.ids,
      times: inputs.times,
      ...this.pastTokens(inputs),
      ...(mask && pastMask && { masks: { current: mask, past: pastMask } }),
    });
    return {
      idLogits,
      timeLogits: this.heads.time.call(lastLayer),
      lastLayer,
      predictions: this.#readVariables(inputs, { past, lastLayer, mean }, pass),
      features,
    };
  }

  /** The predictions of variables, by name. */
  #readVariables(
    inputs: ModelInputs,
    { past, lastLayer, mean }: Record<'past' | 'lastLayer' | 'mean', Tensor>,
    pass: PassContext,
  ): Record<string, Tensor> {
    const variables = Object.entries(this.heads.variables);
    if (variables.length === 0) return {};
    const pooled = () =>
      this.config.pool === 'eos' ? meanPool(lastLayer, expectEos(inputs)) : mean;
    if (this.readout) {
      const { mask, pastMask, counts, evidence } = inputs;
      const masks = this.config.rules.mask_padding ? { mask, pastMask } : NO_MASKS;
      const spikes = { past, current: lastLayer, ...masks };
      return this.readout.call({ ...spikes, pooled, counts, evidence }, pass);
    }
    const state = pooled();
    return Object.fromEntries(variables.map(([name, head]) => [name, head.call(state)]));
  }

  /**
   * What the optional heads add to the logits of the next neuron at every position of a window.
   *
   * @param stimulus from `encodeStimulus`
   * @param groups from `embedBehavior`
   * @returns [B, ids]; undefined where nothing is added
   */
  windowDrive(
    inputs: Pick<ModelInputs, 'frames'>,
    stimulus: Tensor | undefined,
    groups: readonly BehaviorTokens[],
    pass: PassContext,
  ): Tensor | undefined {
    const tokens = Object.fromEntries(groups.map((group) => [group.name, group.tokens]));
    const sources = { tokens: { ...tokens, frames: stimulus }, frames: inputs.frames };
    return this.drives.ofWindow(sources, pass);
  }

  /** The spikes of the past window, as `Drives.apply` reads them. */
  pastTokens({ pastIds, pastTimes }: ModelInputs) {
    return { pastIds: pastIds.ids, pastTimes };
  }

  /**
   * The attention probabilities of single blocks.
   *
   * @param blocks their names, such as 'history.0' or 'state.2'
   * @returns by name, [B, heads, queries, keys]
   * @throws Error where a block does not exist, listing those that do.
   */
  attention(inputs: ModelInputs, blocks: readonly string[]): Record<string, Tensor> {
    const engine = inputs.times.engine;
    return engine.scope(() => {
      const maps: Record<string, Tensor> = {};
      const blockNames: string[] = [];
      this.forward(inputs, (name, value) => {
        const block = name.endsWith('.attention') ? name.slice(0, -'.attention'.length) : '';
        if (block) blockNames.push(block);
        if (blocks.includes(block)) maps[block] = value();
      });
      const unknown = blocks.find((block) => !(block in maps));
      if (unknown !== undefined)
        throw new Error(
          `There is no block ${unknown} in this model: it has ${blockNames.join(', ')}.`,
        );
      return maps;
    });
  }

  /**
   * Projects a feature [B, width] to the space in which modalities are aligned, [B, clip_embd].
   *
   * @throws Error where the model has no contrastive loss.
   */
  project(feature: Tensor): Tensor {
    if (!this.#projection)
      throw new Error('contrastive.contrastive is off: there is no projection.');
    return this.#projection.call(feature);
  }

  /**
   * Self-attention over the window's first token, unless frame_encoder.first_token is off, followed
   * by the video tokens, with their positions unless rules.video_positions is off.
   *
   * @param frames [B, 1, frames, height, width]
   * @param embedded the embedded current window, [B, T, width]
   * @returns [B, 1 + video tokens, width]; undefined in a model without video
   */
  encodeStimulus(frames: Tensor, embedded: Tensor, pass: PassContext): Tensor | undefined {
    if (!this.stimulus) return undefined;
    const { rules, n_embd, frame_encoder, dropout: rates } = this.config;
    const { tokens, grid } = this.stimulus.call(frames);
    pass.observe('video', () => tokens);
    const positioned = rules.video_positions
      ? addPositions(tokens, this.stimulus.positions(tokens.engine, grid, n_embd))
      : tokens;
    const joined = frame_encoder.first_token
      ? concatenate([slice(embedded, 0, 1), positioned])
      : positioned;
    const sequence = dropout(joined, pass.nextDropout(rates.im));
    pass.observe('embed.frames', () => sequence);
    return this.frameEncoder.call(sequence, {}, pass);
  }

  /**
   * The tokens of each group, all variables in sequence with their positions, and the features of
   * the variables.
   */
  embedBehavior(behavior: NonNullable<ModelInputs['behavior']>, pass: PassContext) {
    const { n_embd: width, dropout: rates } = this.config;
    const features: Record<string, Tensor> = {};
    const groups: BehaviorTokens[] = [];
    for (const [name, { inputs, attention }] of Object.entries(this.modalities)) {
      const parts = Object.entries(inputs).flatMap(([variable, embedding]) => {
        const samples = behavior[name]?.[variable];
        if (!samples) return [];
        const part = embedding.call(samples.values, samples.times, pass.nextDropout(rates.id));
        pass.observe(`embed.${name}.${variable}`, () => part);
        features[`${name}.${variable}`] = meanPool(part);
        return [part];
      });
      if (parts.length === 0) continue;
      const joined = concatenate(parts);
      const tokens = addPositions(joined, encodeSequence(joined.engine, joined.axis(1), width));
      pass.observe(`modality.${name}.all`, () => tokens);
      groups.push({ name, attention, tokens });
    }
    return { groups, features };
  }
}

const NO_MASKS = { mask: undefined, pastMask: undefined };

/** Whether a model with this configuration turns its video into tokens. */
export function readsVideo({ window, layers, neuron_queries }: ModelConfig): boolean {
  return window.frame !== null && (layers.stimulus > 0 || neuron_queries?.source === 'frames');
}

/** @throws Error where the batch does not contain the positions of EOS. */
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
  const learned = temp_emb ? 'learned' : 'none';
  const time: TokenSettings['time'] = wave_emb ? 'sinusoidal' : learned;
  return { width: n_embd, positions: pos_emb, time, dropout: rates };
}

/** How a configuration turns video into tokens. */
export function videoSettings({ frame_encoder }: ModelConfig): VideoSettings {
  const { conv_layer, features, kernel_size, stride_size, padding_size, n_embd_frames } =
    frame_encoder;
  return {
    kind: features ? 'features' : conv_layer ? 'convolution' : 'patches',
    kernel: kernel_size as [number, number, number],
    stride: (stride_size ?? kernel_size) as [number, number, number],
    padding: padding_size as [number, number, number],
    inner: n_embd_frames,
  };
}

/**
 * How many video tokens have learned positions; undefined where positions are not learned.
 *
 * @throws Error where the sizes lack those of the video.
 */
function learnedPositions(config: ModelConfig, { frames }: ModelSizes): number | undefined {
  if (config.frame_encoder.positions !== 'learned') return undefined;
  if (!frames)
    throw new Error('frame_encoder.positions is learned, but the size of the video is not given.');
  const [t, h, w] = videoPlaces(videoSettings(config), frames).grid;
  return t * h * w;
}

function createBaseline(store: ParameterScope, config: ModelConfig): Baseline | undefined {
  const { n_embd, mlp_only, gru_only, gru2_only, rules } = config;
  if (mlp_only) return new MlpBaseline(store.scope('mlp'), n_embd, rules);
  if (gru_only || gru2_only) return new GruBaseline(store.scope('gru'), n_embd, gru2_only, rules);
  return undefined;
}

/**
 * The heads of predicted variables: one output for a number, two for an angle, or one per class.
 */
function variableHeads(scope: ParameterScope, config: ModelConfig, sizes: ModelSizes) {
  const heads: Record<string, Linear> = {};
  for (const { group, name, setting } of configuredVariables(config)) {
    if (!setting.predict) continue;
    const head = scope.scope(`${group}.${name}`);
    heads[name] = isClassified(setting)
      ? new Linear(head, config.n_embd, classCount(name, setting, config, sizes), { bias: false })
      : new Linear(head, config.n_embd, targetWidth(setting));
  }
  return heads;
}

/** The decoders by tuning curves, by variable. */
function tunedDecoders(scope: ParameterScope, config: ModelConfig, sizes: ModelSizes) {
  const decoders: Record<string, TunedDecoder> = {};
  const inputs = tunedLags(config) * (sizes.ids - SPECIAL_TOKENS + 1);
  for (const variable of configuredVariables(config)) {
    if (!isTuned(config, variable)) continue;
    const { group, name, setting } = variable;
    const decoded = isClassified(setting)
      ? { values: classCount(name, setting, config, sizes), outputs: undefined }
      : { values: config.readout!.tuning!.values, outputs: targetWidth(setting) };
    decoders[name] = new TunedDecoder(scope.scope(`${group}.${name}`), inputs, {
      ...decoded,
      initial: sizes.tuning?.[name],
    });
  }
  return decoders;
}

/**
 * The number of classes of a variable: that of its vocabulary or, under the original's rules, of
 * the configuration.
 *
 * @throws Error where neither is given.
 */
function classCount(
  name: string,
  { n_classes }: VariableConfig,
  { rules }: ModelConfig,
  sizes: ModelSizes,
): number {
  const vocabularySize = sizes.classes?.[name];
  const classes = rules.own_classes ? (vocabularySize ?? n_classes) : (n_classes ?? vocabularySize);
  if (classes === undefined) {
    throw new Error(
      `${name} is classified, but its number of classes is not given: set n_classes, or provide its vocabulary.`,
    );
  }
  return classes;
}
