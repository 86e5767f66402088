/** Trains a model on one platform and generates spikes with it on another. */

import { type Engine, HostRandom, ParameterStore } from '../../src/engine.js';
import { Sampler } from '../../src/generate/sampler.js';
import { generateTrials } from '../../src/generate/trials.js';
import {
  BatchLayout,
  modelSizes,
  tokenizerFor,
  windowSettings,
} from '../../src/neuroformer/batch.js';
import { parseConfig } from '../../src/neuroformer/config.js';
import { Neuroformer } from '../../src/neuroformer/model.js';
import { openModel, saveModel } from '../../src/neuroformer/saved.js';
import { TrainingStep } from '../../src/neuroformer/step.js';
import { BatchOrder } from '../../src/recording/batch-order.js';
import { createRecording, type Recording } from '../../src/recording/recording.js';
import { Windows } from '../../src/recording/windows.js';

const NEURONS = 12;
const SECONDS = 20;

/**
 * A recording of neurons that fire in turn around a ring, with a speed; the same on every platform.
 */
function ringRecording(): Recording {
  const random = new HostRandom(5);
  const times = Array.from({ length: NEURONS }, (_, neuron) => {
    const spikes: number[] = [];
    for (let lap = 0; lap < SECONDS * 2; lap++)
      if (random.uniform() < 0.8) spikes.push(lap / 2 + neuron / 24 + 0.005 * random.uniform());
    return Float64Array.from(spikes);
  });
  const speed = Float64Array.from({ length: SECONDS * 20 }, (_, n) => Math.sin(n / 9));
  return createRecording({
    spikes: { times },
    variables: { speed: { values: speed, dt: 0.05 } },
    duration: SECONDS,
  });
}

const CONFIG = {
  n_embd: 16,
  n_head: 2,
  layers: { state: 1, state_history: 1, stimulus: 0 },
  block_size: { id: 8, prev_id: 16 },
  modalities: { behavior: { n_layers: 1, window: 0.05, variables: { speed: { dt: 0.05 } } } },
};

/** The safetensors file of a model after 60 updates. */
export async function trainedModel(engine: Engine): Promise<Uint8Array> {
  const recording = ringRecording();
  const { config } = parseConfig(CONFIG);
  const tokenizer = tokenizerFor(config, recording);
  const windows = new Windows(recording, windowSettings(config, tokenizer));
  const layout = new BatchLayout(config, tokenizer, recording);
  const store = new ParameterStore();
  const model = new Neuroformer(store, config, modelSizes(layout));
  store.allocate(engine, 1);
  const step = new TrainingStep(engine, store, model, layout, 16);
  const refs = windows.windowsInTrial(0);
  const order = new BatchOrder(refs.length, 16, 1);
  for (let n = 0; n < 60; n++)
    step.run(layout.collate(order.batch(n).map((index) => windows.at(refs[index]!))), 3e-3);
  const file = await saveModel(store, config, tokenizer);
  step.dispose();
  store.dispose();
  return file;
}

/** Spike times of three trials that a saved model generates, by trial and neuron. */
export async function generateFrom(engine: Engine, file: Uint8Array): Promise<number[][][]> {
  const { config, tokenizer, tensors } = openModel(file);
  const recording = ringRecording();
  const windows = new Windows(recording, windowSettings(config!, tokenizer!));
  const layout = new BatchLayout(config!, tokenizer!, recording);
  const store = new ParameterStore();
  const model = new Neuroformer(store, config!, modelSizes(layout));
  store.allocate(engine);
  store.assign(tensors);
  const sampler = new Sampler(engine, model, layout, 3, { seed: 7 });
  const starts = [1, 5, 9].map((end) => ({ trialIndex: 0, end }));
  const trials = await generateTrials(sampler, windows, { starts, seconds: 3 });
  sampler.dispose();
  store.dispose();
  return trials.map(({ times }) => times.map((neuronTimes) => [...neuronTimes]));
}
