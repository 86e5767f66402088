/** The demo's network and model, trained for some updates by the public API alone: wherever it runs, the same losses. */

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

/** As in src/cli/demo.ts. */
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

export interface TrainedDemo {
  /** Of every update. */
  readonly losses: number[];
  /** SHA-256 over weights, gradients and both moments, in hexadecimal. */
  readonly hash: string;
}

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
  const model = new Neuroformer(store, config, modelSizes(tokenizer));
  store.allocate(engine, 1);
  const step = new TrainingStep(engine, store, model, layout, BATCH);
  const order = new BatchOrder(train.length, BATCH, 1);
  const losses: number[] = [];
  for (let n = 0; n < updates; n++) {
    const host = layout.collate(order.batch(n).map((place) => windows.at(train[place]!)));
    losses.push((await step.run(host, 3e-3).losses()).loss);
  }
  const { values, gradients, m, v } = store.memory;
  const parts = await Promise.all([values, gradients, m, v].map((tensor) => tensor.floats()));
  const hash = await sha256(parts);
  step.dispose();
  store.dispose();
  return { losses, hash };
}

async function sha256(parts: readonly Float32Array[]): Promise<string> {
  const all = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', all));
  return [...digest].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
