/** The device memory and the work that training will need, estimated by a dry run. */

import { dryRun } from '../gpu/dry-run.js';
import type { Engine } from '../gpu/engine.js';
import { ParameterStore } from '../nn/parameters.js';
import { formatCount } from '../text/format.js';
import { type BatchLayout, modelSizes } from './batch.js';
import { Neuroformer } from './model.js';
import { TrainingStep } from './step.js';

/** The memory and the work of training. */
export interface TrainingEstimate {
  /** Elements of all parameters, frozen ones included. */
  readonly parameters: number;
  /** Bytes of the parameters, their gradients and the optimizer's two moments. */
  readonly state: number;
  /** The maximum number of bytes at once, the state included. */
  readonly peak: number;
  /** Floating-point operations of the matrix products of one update. */
  readonly flops: number;
}

/** Estimates the memory and the work of training by a dry run of one training step. */
export async function estimateTraining(
  engine: Engine,
  layout: BatchLayout,
  batchSize: number,
): Promise<TrainingEstimate> {
  let parameters = 0;
  let state = 0;
  let flops = 0;
  const usage = await dryRun(engine, (dry) => {
    const bytesBefore = dry.memory().bytes;
    const store = new ParameterStore();
    const model = new Neuroformer(store, layout.config, modelSizes(layout));
    store.allocate(dry);
    parameters = store.elementCount;
    state = dry.memory().bytes - bytesBefore;
    flops = new TrainingStep(dry, store, model, layout, batchSize).flops;
  });
  return { parameters, state, peak: usage.peakBytes, flops };
}

/** The estimate as sentences for the user. @param updates of the complete run */
export function describeEstimate(
  { parameters, state, peak, flops }: TrainingEstimate,
  batchSize: number,
  updates: number,
): string {
  const size = (bytes: number) => {
    if (bytes >= 1e9) return `${(bytes / 1e9).toFixed(2)} GB`;
    return bytes >= 1e6 ? `${(bytes / 1e6).toFixed(0)} MB` : `${(bytes / 1e3).toFixed(0)} kB`;
  };
  return `Training needs about ${size(peak)} of device memory: ${size(state)} for ${formatCount(parameters)} parameters with gradients and moments, ${size(peak - state)} for batches of ${batchSize}. Its ${formatCount(updates)} updates take ${formatFlops(updates * flops)}.`;
}

/** A number of floating-point operations: '250 GFLOP'. */
export function formatFlops(flops: number): string {
  const [unit, divisor] = flops < 1e12 ? ['GFLOP', 1e9] : ['TFLOP', 1e12];
  return `${Number((flops / divisor).toPrecision(2))} ${unit}`;
}
