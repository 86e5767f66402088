/** A synthetic recording, and a tiny Neuroformer for it. */

import type { Engine } from '../../src/engine.js';
import { HostRandom } from '../../src/math/random.js';
import {
  Batch,
  BatchLayout,
  type HostBatch,
  modelSizes,
  tokenizerFor,
  windowSettings,
} from '../../src/neuroformer/batch.js';
import { type ModelConfig, parseConfig } from '../../src/neuroformer/config.js';
import { modelLosses } from '../../src/neuroformer/losses.js';
import { type ModelOutputs, Neuroformer } from '../../src/neuroformer/model.js';
import { ParameterStore } from '../../src/nn/parameters.js';
import { createRecording, type Recording } from '../../src/recording/recording.js';
import { tokenFrequencies } from '../../src/recording/token-frequencies.js';
import type { Tokenizer } from '../../src/recording/tokenizer.js';
import { type Window, Windows } from '../../src/recording/windows.js';
import type { Tensor } from '../../src/tensor/tensor.js';

/** Neurons of the recording. */
export const NEURONS = 7;
const SECONDS = 6;

/**
 * Six seconds of random spikes at about 20 Hz per neuron, with a video of 4 x 6 pixels, the numbers
 * speed and turn, and the class gait, all sampled at 20 Hz.
 */
export function syntheticRecording(seed = 1): Recording {
  const random = new HostRandom(seed);
  const train = () => {
    const times: number[] = [];
    const interval = () => -Math.log(1 - random.uniform()) / 20;
    for (let t = interval(); t < SECONDS; t += interval()) times.push(t);
    return Float64Array.from(times);
  };
  const samples = SECONDS * 20;
  const series = (f: (n: number) => number) => ({
    values: Float64Array.from({ length: samples }, (_, n) => f(n)),
    dt: 0.05,
  });
  return createRecording({
    name: 'made up',
    spikes: { times: Array.from({ length: NEURONS }, train) },
    frames: {
      data: Float32Array.from({ length: samples * 4 * 6 }, () => random.normal()),
      count: samples,
      height: 4,
      width: 6,
      dt: 0.05,
    },
    variables: {
      speed: series((n) => Math.sin(n / 7)),
      turn: series((n) => Math.cos(n / 11)),
      gait: {
        values: Array.from({ length: samples }, (_, n) => ['rest', 'walk', 'run'][(n >> 3) % 3]!),
        dt: 0.05,
      },
    },
    duration: SECONDS,
  });
}

/** A configuration of width 8 with one block each for state and history, without dropout. */
export const TINY = {
  n_embd: 8,
  n_head: 2,
  block_size: { id: 12, prev_id: 20 },
  layers: { state: 1, state_history: 1, stimulus: 0 },
  window: { curr: 0.05, prev: 0.1 },
  dropout: { attn: 0, resid: 0, id: 0, im: 0, time: 0, gru: 0 },
};

/** Also reads the video, in patches of 2 x 2 pixels. */
export const WITH_VIDEO = {
  ...TINY,
  layers: { ...TINY.layers, stimulus: 1 },
  window: { ...TINY.window, frame: 0.1 },
  frame_encoder: { conv_layer: false, n_embd_frames: 4 },
};

const SPEED = { dt: 0.05 };

/** Also reads speed. */
export const WITH_SPEED = {
  ...TINY,
  modalities: { behavior: { n_layers: 1, window: 0.05, variables: { speed: SPEED } } },
};

/** Also reads speed, regresses turn and classifies gait. */
export const WITH_BEHAVIOR = {
  ...TINY,
  modalities: {
    behavior: {
      n_layers: 1,
      window: 0.05,
      variables: {
        speed: SPEED,
        turn: { dt: 0.05, predict: true, objective: 'regression' },
        gait: { dt: 0.05, predict: true, objective: 'classification' },
      },
    },
  },
};

/** A model with its windows and batches, with random parameters that all affect its outputs. */
export class TinyNeuroformer {
  readonly config: ModelConfig;
  readonly tokenizer: Tokenizer;
  readonly windows: Windows;
  readonly layout: BatchLayout;
  readonly store = new ParameterStore();
  readonly model: Neuroformer;

  constructor(
    readonly engine: Engine,
    config: object,
    readonly recording = syntheticRecording(),
  ) {
    this.config = parseConfig(config).config;
    const vocabularies = tokenizerFor(this.config, recording);
    this.windows = new Windows(recording, windowSettings(this.config, vocabularies));
    const refs = [1, 2, 3, 4].map((end) => ({ trialIndex: 0, end }));
    const frequencies = [...tokenFrequencies(this.windows, refs)];
    this.tokenizer = vocabularies.withStatistics({ scales: {}, frequencies });
    this.layout = new BatchLayout(this.config, this.tokenizer, recording);
    this.model = new Neuroformer(this.store, this.config, modelSizes(this.layout));
    this.store.allocate(engine, 1);
    const random = new HostRandom(2);
    for (const { name, tensor, length, shape } of this.store) {
      const norm = shape.length === 1 && name.endsWith('weight') ? 1 : 0;
      tensor.write(Float32Array.from({ length }, () => norm + 0.4 * random.normal()));
    }
  }

  /** The windows that end at these times, in seconds. */
  at(...ends: number[]): Window[] {
    return ends.map((end) => this.windows.at({ trialIndex: 0, end }));
  }

  /** Uploads a batch. The caller disposes of it. */
  uploadBatch(host: HostBatch): Batch {
    const batch = new Batch(this.engine, this.layout, host.mask.length / this.config.block_size.id);
    batch.write(host);
    return batch;
  }

  /**
   * The model's outputs for windows, by name.
   *
   * @param change modifies the batch before it is uploaded.
   */
  async outputs(
    windows: readonly Window[],
    change: (host: HostBatch) => HostBatch = (host) => host,
  ): Promise<Record<string, Float32Array>> {
    const batch = this.uploadBatch(change(this.layout.collate(windows)));
    const tensors = this.engine.scope(() => outputTensors(this.model.forward(batch.inputs)));
    const outputs: Record<string, Float32Array> = {};
    for (const [name, tensor] of Object.entries(tensors)) {
      outputs[name] = await tensor.floats();
      tensor.dispose();
    }
    batch.dispose();
    return outputs;
  }

  /** All losses on windows by name, and their total. */
  async losses(windows: readonly Window[]): Promise<Record<string, number>> {
    const batch = this.uploadBatch(this.layout.collate(windows));
    const tensors = this.engine.scope(() => {
      const outputs = this.model.forward(batch.inputs);
      const { total, parts } = modelLosses(this.model, outputs, batch.targets);
      return { ...parts, total };
    });
    const losses: Record<string, number> = {};
    for (const [name, tensor] of Object.entries(tensors))
      losses[name] = (await tensor.floats())[0]!;
    batch.dispose();
    return losses;
  }

  /** Copies the parameters of another model by name; longer ones are cut to this model's length. */
  async copyFrom(other: TinyNeuroformer): Promise<void> {
    for (const [name, { data }] of await other.store.values()) {
      const { tensor } = this.store.get(name);
      tensor.write((data as Float32Array).slice(0, tensor.length));
    }
  }

  /** Frees the parameters. */
  dispose(): void {
    this.store.dispose();
  }
}

/** All outputs by name, including the predictions of variables. */
function outputTensors({
  idLogits,
  timeLogits,
  predictions,
}: ModelOutputs): Record<string, Tensor> {
  return { idLogits, timeLogits, ...predictions };
}

/** The largest difference between two arrays; infinite if their lengths differ. */
export function maxDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  let largest = 0;
  for (let n = 0; n < a.length; n++) largest = Math.max(largest, Math.abs(a[n]! - b[n]!));
  return largest;
}
