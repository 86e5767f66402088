/** The device memory that training will need, estimated by a dry run. */

import { dryRun } from '../gpu/dry-run.js';
import type { Engine } from '../gpu/engine.js';
import { ParameterStore } from '../nn/parameters.js';
import { formatCount } from '../text/format.js';
import { type BatchLayout, modelSizes } from './batch.js';
import { Neuroformer } from './model.js';
import { TrainingStep } from './step.js';

/** The device memory of training. */
export interface MemoryEstimate {
  /** Elements of all parameters, frozen ones included. */
  readonly parameters: number;
  /** Bytes of the parameters, their gradients and the optimizer's two moments. */
  readonly state: number;
  /** The maximum number of bytes at once, the state included. */
  readonly peak: number;
}

/** Estimates the memory of training by a dry run of one training step. */
export async function estimateMemory(
  engine: Engine,
  layout: BatchLayout,
  batchSize: number,
): Promise<MemoryEstimate> {
  let parameters = 0;
  let state = 0;
  const usage = await dryRun(engine, (dry) => {
    const bytesBefore = dry.memory().bytes;
    const store = new ParameterStore();
    const model = new Neuroformer(store, layout.config, modelSizes(layout.tokenizer));
    store.allocate(dry);
    parameters = store.elementCount;
    state = dry.memory().bytes - bytesBefore;
    new TrainingStep(dry, store, model, layout, batchSize);
  });
  return { parameters, state, peak: usage.peakBytes };
}

/** The estimate as a sentence for the user. */
export function describeEstimate({ parameters, state, peak }: MemoryEstimate, batchSize: number) {
  const size = (bytes: number) => {
    if (bytes >= 1e9) return `${(bytes / 1e9).toFixed(2)} GB`;
    return bytes >= 1e6 ? `${(bytes / 1e6).toFixed(0)} MB` : `${(bytes / 1e3).toFixed(0)} kB`;
  };
  return `Training needs about ${size(peak)} of device memory: ${size(state)} for ${formatCount(parameters)} parameters with gradients and moments, ${size(peak - state)} for batches of ${batchSize}.`;
}
