/** What memory training will take, known before it starts. */

import { dryRun } from '../gpu/dry-run.js';
import type { Engine } from '../gpu/engine.js';
import { ParameterStore } from '../nn/parameters.js';
import { grouped } from '../text/format.js';
import { type BatchLayout, modelSizes } from './batch.js';
import { Neuroformer } from './model.js';
import { TrainingStep } from './step.js';

/** Bytes of GPU memory. */
export interface MemoryEstimate {
  /** Numbers the parameters are. */
  readonly parameters: number;
  /** Parameters, gradients and the optimizer's two moments. */
  readonly state: number;
  /** The most that exists at once, the state included. */
  readonly peak: number;
}

/** Dry-runs one training step of a model made for these batches. */
export async function estimateMemory(
  engine: Engine,
  layout: BatchLayout,
  batchSize: number,
): Promise<MemoryEstimate> {
  let parameters = 0;
  let state = 0;
  const use = await dryRun(engine, (dry) => {
    const before = dry.memory().bytes;
    const store = new ParameterStore();
    const model = new Neuroformer(store, layout.config, modelSizes(layout.tokenizer));
    store.allocate(dry);
    parameters = store.count;
    state = dry.memory().bytes - before;
    new TrainingStep(dry, store, model, layout, batchSize);
  });
  return { parameters, state, peak: use.peakBytes };
}

/** The estimate as a sentence. */
export function describeEstimate({ parameters, state, peak }: MemoryEstimate, batchSize: number) {
  const size = (bytes: number) => {
    if (bytes >= 1e9) return `${(bytes / 1e9).toFixed(2)} GB`;
    return bytes >= 1e6 ? `${(bytes / 1e6).toFixed(0)} MB` : `${(bytes / 1e3).toFixed(0)} kB`;
  };
  return `Training needs about ${size(peak)} of GPU memory: ${size(state)} for ${grouped(parameters)} parameters with gradients and moments, ${size(peak - state)} for batches of ${batchSize}.`;
}
