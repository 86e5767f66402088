/** A made-up recording, and a model a few numbers wide for it. */

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
import type { Tokenizer } from '../../src/recording/tokenizer.js';
import { type Window, Windows } from '../../src/recording/windows.js';
import type { Tensor } from '../../src/tensor/tensor.js';

export const NEURONS = 7;
const SECONDS = 6;

/** Six seconds: some 20 Hz a neuron, a video of 4 x 6 pixels at 20 Hz, speed and turn at 20 Hz, a gait that changes. */
export function madeUpRecording(seed = 1): Recording {
  const random = new HostRandom(seed);
  const train = () => {
    const times: number[] = [];
    const wait = () => -Math.log(1 - random.uniform()) / 20;
    for (let t = wait(); t < SECONDS; t += wait()) times.push(t);
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

/** Two blocks of a kind, eight numbers wide, no dropout. */
export const TINY = {
  n_embd: 8,
  n_head: 2,
  block_size: { id: 12, prev_id: 20 },
  layers: { state: 1, state_history: 1, stimulus: 0 },
  window: { curr: 0.05, prev: 0.1 },
  dropout: { attn: 0, resid: 0, id: 0, im: 0, time: 0, gru: 0 },
};

/** The tiny configuration with video in patches of 2 x 2. */
export const WITH_VIDEO = {
  ...TINY,
  layers: { ...TINY.layers, stimulus: 1 },
  window: { ...TINY.window, frame: 0.1 },
  frame_encoder: { conv_layer: false, n_embd_frames: 4 },
};

const SPEED = { dt: 0.05 };

/** The tiny configuration with speed as an input. */
export const WITH_SPEED = {
  ...TINY,
  modalities: { behavior: { n_layers: 1, window: 0.05, variables: { speed: SPEED } } },
};

/** Speed as an input, turn regressed and gait classified. */
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

/** A configuration brought to life on the made-up recording, with parameters that all matter. */
export class TinyNeuroformer {
  readonly config: ModelConfig;
  readonly tokenizer: Tokenizer;
  readonly windows: Windows;
  readonly layout: BatchLayout;
  readonly store = new ParameterStore();
  readonly model: Neuroformer;

  constructor(
    readonly engine: Engine,
    raw: object,
    readonly recording = madeUpRecording(),
  ) {
    this.config = parseConfig(raw).config;
    this.tokenizer = tokenizerFor(this.config, recording);
    this.windows = new Windows(recording, windowSettings(this.config, this.tokenizer));
    this.layout = new BatchLayout(this.config, this.tokenizer, recording);
    this.model = new Neuroformer(this.store, this.config, modelSizes(this.tokenizer));
    this.store.allocate(engine, 1);
    const random = new HostRandom(2);
    for (const { name, tensor, length, shape } of this.store) {
      const norm = shape.length === 1 && name.endsWith('weight') ? 1 : 0;
      tensor.write(Float32Array.from({ length }, () => norm + 0.4 * random.normal()));
    }
  }

  /** The windows that end at these times. */
  at(...ends: number[]): Window[] {
    return ends.map((end) => this.windows.at({ trialIndex: 0, end }));
  }

  uploadBatch(host: HostBatch): Batch {
    const batch = new Batch(this.engine, this.layout, host.mask.length / this.config.block_size.id);
    batch.write(host);
    return batch;
  }

  /** What the model makes of windows, the batch changed on the way if wanted. */
  async outputs(
    windows: readonly Window[],
    change: (host: HostBatch) => HostBatch = (host) => host,
  ): Promise<Record<string, Float32Array>> {
    const batch = this.uploadBatch(change(this.layout.collate(windows)));
    const found = this.engine.scope(() => flat(this.model.forward(batch.inputs)));
    const read: Record<string, Float32Array> = {};
    for (const [name, tensor] of Object.entries(found)) {
      read[name] = await tensor.floats();
      tensor.dispose();
    }
    batch.dispose();
    return read;
  }

  /** Every loss of windows by name, and the total. */
  async losses(windows: readonly Window[]): Promise<Record<string, number>> {
    const batch = this.uploadBatch(this.layout.collate(windows));
    const found = this.engine.scope(() => {
      const outputs = this.model.forward(batch.inputs);
      const { total, parts } = modelLosses(this.model, outputs, batch.targets);
      return { ...parts, total };
    });
    const read: Record<string, number> = {};
    for (const [name, tensor] of Object.entries(found)) read[name] = (await tensor.floats())[0]!;
    batch.dispose();
    return read;
  }

  /** Takes the parameters of another model by name, cut to this one's shapes where they are longer. */
  async copyFrom(other: TinyNeuroformer): Promise<void> {
    for (const [name, { data }] of await other.store.values()) {
      const { tensor } = this.store.get(name);
      tensor.write((data as Float32Array).slice(0, tensor.length));
    }
  }

  dispose(): void {
    this.store.dispose();
  }
}

function flat({ idLogits, timeLogits, predictions }: ModelOutputs): Record<string, Tensor> {
  return { idLogits, timeLogits, ...predictions };
}

/** The largest difference between two arrays. */
export function apart(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  let most = 0;
  for (let n = 0; n < a.length; n++) most = Math.max(most, Math.abs(a[n]! - b[n]!));
  return most;
}
