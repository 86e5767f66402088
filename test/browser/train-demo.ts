/** Trains the demo's model on its network; the losses are the same on every platform. */

import { type Engine, ParameterStore } from '../../src/engine.js';
import {
  BatchLayout,
  modelSizes,
  tokenizerFor,
  windowSettings,
} from '../../src/neuroformer/batch.js';
import { parseConfig } from '../../src/neuroformer/config.js';
import { Neuroformer } from '../../src/neuroformer/model.js';
import { TrainingStep } from '../../src/neuroformer/step.js';
import { BatchOrder } from '../../src/recording/batch-order.js';
import { createRecording } from '../../src/recording/recording.js';
import { splitWindows } from '../../src/recording/splits.js';
import { Windows } from '../../src/recording/windows.js';
import { simulateHub } from '../../src/simulate/hub.js';

/** The configuration of src/cli/demo.ts. */
const MODEL = {
  n_embd: 32,
  n_head: 4,
  wave_emb: true,
  layers: { state: 0, state_history: 1, stimulus: 0 },
  block_size: { id: 6, prev_id: 20 },
  window: { curr: 0.005, prev: 0.03 },
  resolution: { dt: 0.001 },
  dropout: { attn: 0, resid: 0, id: 0, im: 0, time: 0 },
};
const BATCH = 64;

/** The result of a training. */
export interface TrainedDemo {
  /** The loss of every update. */
  readonly losses: number[];
  /** SHA-256 of the weights, the gradients and both moments, in hexadecimal. */
  readonly hash: string;
}

/** Trains the demo's model for a number of updates. */
export async function trainDemo(engine: Engine, updates: number): Promise<TrainedDemo> {
  const { spikes, seconds } = simulateHub({ neurons: 36, seconds: 60, seed: 1 });
  const recording = createRecording({ spikes: { times: spikes }, duration: seconds });
  const { config } = parseConfig(MODEL);
  const tokenizer = tokenizerFor(config, recording);
  const windows = new Windows(recording, windowSettings(config, tokenizer));
  const fractions = { train: 0.8, validation: 0.1, test: 0.1 };
  const { train } = splitWindows(windows, { kind: 'blocks', fractions });
  const layout = new BatchLayout(config, tokenizer, recording);
  const store = new ParameterStore();
  const model = new Neuroformer(store, config, modelSizes(layout));
  store.allocate(engine, 1);
  const step = new TrainingStep(engine, store, model, layout, BATCH);
  const order = new BatchOrder(train.length, BATCH, 1);
  const losses: number[] = [];
  for (let n = 0; n < updates; n++) {
    const host = layout.collate(order.batch(n).map((index) => windows.at(train[index]!)));
    losses.push((await step.run(host, 3e-3).losses()).loss);
  }
  const { values, gradients, m, v } = store.memory;
  const arrays = await Promise.all([values, gradients, m, v].map((tensor) => tensor.floats()));
  const hash = await sha256(arrays);
  step.dispose();
  store.dispose();
  return { losses, hash };
}

async function sha256(arrays: readonly Float32Array[]): Promise<string> {
  const joined = new Float32Array(arrays.reduce((sum, array) => sum + array.length, 0));
  let offset = 0;
  for (const array of arrays) {
    joined.set(array, offset);
    offset += array.length;
  }
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', joined));
  return [...digest].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
