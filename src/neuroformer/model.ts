/**
 * Neuroformer (Antoniades et al., ICLR 2024), figure 1 from left to right: tokens of the current window are embedded and
 * encoded; they attend to the past window's spikes, to the video, to each group of behaviour variables, and then
 * causally to themselves; heads read out the next neuron, its time, and what is decoded from the window.
 */

import { Block, Embedding, LayerNorm, Linear } from '../nn/layers.js';
import type { Declare, Parameter, ParameterStore } from '../nn/parameters.js';
import { dropout } from '../tensor/elementwise.js';
import { addPositions, type Tokens } from '../tensor/embedding.js';
import type { Dropout, RandomState } from '../tensor/random.js';
import { concatenate, meanPool, slice } from '../tensor/sequence.js';
import type { Tensor } from '../tensor/tensor.js';
import type { ModelConfig, VariableConfig } from './config.js';
import {
  BehaviorEmbedding,
  learntPositions,
  sequenceCode,
  TimeEmbedding,
  VideoEncoder,
  videoCode,
} from './embeddings.js';

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
}

/** What the model makes of a batch. */
export interface ModelOutputs {
  /** [B, T, ids] and [B, T, times] */
  readonly idLogits: Tensor;
  readonly timeLogits: Tensor;
  /** What the heads read, [B, T, width]. */
  readonly lastLayer: Tensor;
  /** By variable: [B, 1] or [B, classes]. */
  readonly predictions: Readonly<Record<string, Tensor>>;
  /** Features the contrastive loss may align, before projection: 'id', 'frames', 'group.variable', each [B, width]. */
  readonly features: Readonly<Record<string, Tensor>>;
}

/** Called with the name and value of what lies between; for tests and analysis. */
export type Observe = (name: string, value: Tensor) => void;

/** A behaviour group: what enters, what is predicted, and the blocks that attend to what enters. */
interface Group {
  readonly inputs: Readonly<Record<string, BehaviorEmbedding>>;
  readonly blocks: readonly Block[];
}

export class Neuroformer {
  readonly #config: ModelConfig;
  readonly #tokens: Embedding;
  readonly #positions: Parameter | undefined;
  readonly #pastPositions: Parameter | undefined;
  readonly #time: TimeEmbedding;
  readonly #pastTime: TimeEmbedding;
  readonly #video: VideoEncoder | undefined;
  readonly #encoder: readonly Block[];
  readonly #frameEncoder: readonly Block[];
  readonly #groups: Readonly<Record<string, Group>>;
  readonly #history: readonly Block[];
  readonly #stimulus: readonly Block[];
  readonly #state: readonly Block[];
  readonly #decoders: Readonly<Record<string, Linear>>;
  readonly #projection: Linear | undefined;
  readonly #idHead: Linear;
  readonly #timeHead: Linear;
  /** Where dropout draws, one site per place, while training; undefined without. */
  #random: RandomState | undefined;

  /** Declares every parameter in `store`, under the original's names. */
  constructor(store: ParameterStore, config: ModelConfig, sizes: ModelSizes) {
    this.#config = config;
    const { n_embd: width, layers, block_size, window } = config;
    const trunk = store.at('neural_visual_transformer');
    const blocks = (declare: Declare, name: string, n: number) =>
      Array.from(
        { length: n },
        (_, i) => new Block(declare.at(`${name}.${i}`), width, { heads: config.n_head }),
      );

    if (config.pos_emb) {
      this.#positions = learntPositions(store, 'pos_emb', block_size.id, width);
      this.#pastPositions = learntPositions(store, 'pos_emb_prev', block_size.prev_id, width);
    }
    this.#tokens = new Embedding(store.at('tok_emb'), sizes.ids, width);
    this.#time = new TimeEmbedding(store.at('temp_emb'), width, !config.wave_emb);
    this.#pastTime = new TimeEmbedding(store.at('temp_emb_prev'), width, !config.wave_emb);

    const encoder = store.at('feature_encoder');
    this.#encoder = blocks(encoder, 'neural_state_blocks', layers.state);
    const hasVideo = window.frame !== null && layers.stimulus > 0;
    this.#video = hasVideo
      ? new VideoEncoder(store.at('video_encoder'), width, videoSettings(config))
      : undefined;
    this.#frameEncoder = blocks(
      encoder,
      'frame_state_blocks',
      hasVideo && config.vit_encoder ? layers.stimulus : 0,
    );

    const groups: Record<string, Group> = {};
    const decoders: Record<string, Linear> = {};
    for (const [name, { n_layers, variables }] of Object.entries(config.modalities)) {
      const inputs: Record<string, BehaviorEmbedding> = {};
      for (const [variable, setting] of Object.entries(variables)) {
        const place = `${name}.${variable}`;
        const valuesEnter = config.rules.behavior_values;
        inputs[variable] = new BehaviorEmbedding(
          store.at(`modality_embeddings.${place}`),
          width,
          valuesEnter,
        );
        if (setting.predict) {
          decoders[variable] = decoderOf(
            store.at(`modality_projection_heads.${place}`),
            width,
            setting,
            sizes.classes?.[variable],
          );
        }
      }
      const count = config.rules.layers_per_group
        ? n_layers
        : Object.values(config.modalities).at(-1)!.n_layers;
      groups[name] = { inputs, blocks: blocks(trunk, `modalities_blocks.${name}`, count) };
    }
    this.#groups = groups;
    this.#decoders = decoders;
    this.#history = blocks(trunk, 'neural_state_history_blocks', layers.state_history);
    this.#stimulus = blocks(trunk, 'neural_state_stimulus_blocks', hasVideo ? layers.stimulus : 0);
    this.#state = blocks(trunk, 'neural_state_blocks', layers.state);
    // The original owns this layer and never calls it; it stays for the sake of its weight files.
    new LayerNorm(trunk.at('ln_f'), width);
    if (config.contrastive.contrastive) {
      const aligned = config.rules.clip_width ? config.contrastive.clip_embd : width;
      this.#projection = new Linear(store.at('clip.proj'), width, aligned, { bias: false });
    }
    this.#idHead = new Linear(store.at('head_id'), width, sizes.ids, { bias: false });
    this.#timeHead = new Linear(store.at('head_dt'), width, sizes.times, { bias: false });
  }

  /** Turns dropout on, with masks drawn from `random`, or off. */
  setDropout(random: RandomState | undefined): void {
    this.#random = random;
  }

  /** A feature in the space where modalities are aligned: [B, width] to [B, clip width]. */
  project(feature: Tensor): Tensor {
    if (!this.#projection)
      throw new Error('contrastive.contrastive is off: there is no projection.');
    return this.#projection.call(feature);
  }

  /** Everything from tokens to logits. */
  forward(inputs: ModelInputs, observe: Observe = () => {}): ModelOutputs {
    const { rules } = this.#config;
    const mask = rules.mask_padding ? inputs.mask : undefined;
    const pastMask = rules.mask_padding ? inputs.pastMask : undefined;

    const embedded = this.#embed(this.#time, inputs.ids, inputs.times, this.#positions);
    observe('embed.id', embedded);
    const past = this.#embed(this.#pastTime, inputs.pastIds, inputs.pastTimes, this.#pastPositions);
    observe('embed.id_prev', past);
    const current = this.#run(
      'encoder.id',
      this.#encoder,
      embedded,
      { causal: true, mask },
      observe,
    );
    const video = inputs.frames && this.#encodeVideo(inputs.frames, embedded, observe);

    let x = this.#run('history', this.#history, current, { source: past, mask: pastMask }, observe);
    if (video) x = this.#run('stimulus', this.#stimulus, x, { source: video }, observe);
    const features: Record<string, Tensor> = {};
    for (const [name, group] of Object.entries(this.#groups)) {
      const tokens = this.#embedGroup(
        name,
        group,
        inputs.behavior?.[name] ?? {},
        features,
        observe,
      );
      if (tokens) x = this.#run(name, group.blocks, x, { source: tokens }, observe);
    }
    const lastLayer = this.#run('state', this.#state, x, { causal: true, mask }, observe);

    const pooled = meanPool(lastLayer, mask);
    features.id = pooled;
    if (video) features.frames = meanPool(video);
    const predictions: Record<string, Tensor> = {};
    for (const [name, head] of Object.entries(this.#decoders))
      predictions[name] = head.call(pooled);
    return {
      idLogits: this.#idHead.call(lastLayer),
      timeLogits: this.#timeHead.call(lastLayer),
      lastLayer,
      predictions,
      features,
    };
  }

  /** Token + time + position. */
  #embed(
    time: TimeEmbedding,
    tokens: Tokens,
    times: Tensor,
    positions: Parameter | undefined,
  ): Tensor {
    const { dropout: rates, n_embd } = this.#config;
    const when = time.call(times, this.#drop(rates.time));
    const table = positions?.tensor.reshape([positions.length / n_embd, n_embd]);
    return dropout(
      this.#tokens.call(tokens, { add: when, positions: table }),
      this.#drop(rates.id),
    );
  }

  /** The window's first token, then the video's, with or without their places, through self-attention. */
  #encodeVideo(frames: Tensor, embedded: Tensor, observe: Observe): Tensor | undefined {
    if (!this.#video) return undefined;
    const { rules, n_embd, dropout: rates } = this.#config;
    const { tokens, places } = this.#video.call(frames);
    observe('video', tokens);
    const placed = rules.video_positions
      ? addPositions(tokens, videoCode(tokens, places, n_embd))
      : tokens;
    const sequence = dropout(concatenate([slice(embedded, 0, 1), placed]), this.#drop(rates.im));
    observe('embed.frames', sequence);
    return this.#run('encoder.frames', this.#frameEncoder, sequence, {}, observe);
  }

  /** A group's variables one after the other, with their positions; undefined where the batch has none. */
  #embedGroup(
    name: string,
    { inputs }: Group,
    given: Readonly<Record<string, BehaviorInput>>,
    features: Record<string, Tensor>,
    observe: Observe,
  ): Tensor | undefined {
    const parts: Tensor[] = [];
    for (const [variable, { values, times }] of Object.entries(given)) {
      const embedding = inputs[variable];
      if (!embedding) throw new Error(`The configuration has no variable ${name}.${variable}.`);
      const part = embedding.call(values, times, this.#drop(this.#config.dropout.id));
      observe(`embed.${name}.${variable}`, part);
      features[`${name}.${variable}`] = meanPool(part);
      parts.push(part);
    }
    if (parts.length === 0) return undefined;
    const joined = concatenate(parts);
    const all = addPositions(joined, sequenceCode(joined, joined.axis(1), this.#config.n_embd));
    observe(`modality.${name}.all`, all);
    return all;
  }

  /** A stack of blocks, attending to `source` or, without one, to itself. */
  #run(
    name: string,
    stack: readonly Block[],
    start: Tensor,
    options: { source?: Tensor; causal?: boolean; mask?: Tensor | undefined },
    observe: Observe,
  ): Tensor {
    const { attn, resid } = this.#config.dropout;
    let x = start;
    for (const [n, block] of stack.entries()) {
      const branch = [this.#drop(resid), this.#drop(resid)] as const;
      x = block.call(x, options.source ?? x, {
        causal: options.causal ?? false,
        mask: options.mask,
        topK: this.#topK(name),
        dropout: this.#drop(attn),
        branchDropout: branch[0] && branch[1] ? [branch[0], branch[1]] : undefined,
      });
      observe(`${name}.${n}`, x);
    }
    return x;
  }

  /** How many scores a stack keeps of each row, if its attention is sparse. */
  #topK(name: string): number | undefined {
    const { topk, topk_id, topk_frame } = this.#config.sparse;
    if (['encoder.id', 'history', 'state'].includes(name)) return topk_id ?? topk ?? undefined;
    if (['encoder.frames', 'stimulus'].includes(name)) return topk_frame ?? topk ?? undefined;
    return topk ?? undefined;
  }

  #drop(rate: number): Dropout | undefined {
    if (!this.#random || rate === 0) return undefined;
    return { rate, site: this.#random.newSite(), random: this.#random };
  }
}

function videoSettings({ frame_encoder }: ModelConfig) {
  const { conv_layer, kernel_size, stride_size = kernel_size, n_embd_frames } = frame_encoder;
  return {
    convolution: conv_layer,
    kernel: kernel_size as [number, number, number],
    stride: stride_size as [number, number, number],
    patchPixels: n_embd_frames,
  };
}

function decoderOf(
  declare: Declare,
  width: number,
  { objective, n_classes }: VariableConfig,
  classes: number | undefined,
): Linear {
  if (objective === 'classification')
    return new Linear(declare, width, classes ?? n_classes ?? 2, { bias: false });
  return new Linear(declare, width, 1);
}
