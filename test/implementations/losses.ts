/** Training steps whose losses are compared between implementations of WebGPU. */

import type { Engine } from '../../src/gpu/engine.js';
import { type Tuning, VENDOR_TUNINGS } from '../../src/gpu/tuning.js';
import { TrainingStep } from '../../src/neuroformer/step.js';
import { RandomState } from '../../src/tensor/random.js';
import { TinyNeuroformer, WITH_BEHAVIOR, WITH_VIDEO } from '../helpers/tiny-neuroformer.js';

/** The tunings of GPUs and of our CPU device. */
export const STEP_TUNINGS: Readonly<Record<string, Partial<Tuning>>> = {
  direct: VENDOR_TUNINGS.cpu!,
  staged: {},
};

const UPDATES = 4;

const CONFIG = {
  ...WITH_VIDEO,
  modalities: WITH_BEHAVIOR.modalities,
  contrastive: { contrastive: true, vars: ['id', 'frames'], clip_embd: 6 },
  dropout: { attn: 0.1, resid: 0.1, id: 0.1, im: 0.1, time: 0.1 },
  frame_encoder: { kernel_size: [2, 2, 2], padding_size: [0, 1, 0] },
};

/** The losses of some updates of a small model that has everything, by name. */
export async function trainingLosses(engine: Engine): Promise<Record<string, number>[]> {
  const tiny = new TinyNeuroformer(engine, CONFIG);
  const dropout = new RandomState(engine, 3);
  const step = new TrainingStep(engine, tiny.store, tiny.model, tiny.layout, 4, { dropout });
  const host = tiny.layout.collate(tiny.at(1, 2.35, 3.6, 4.8));
  const losses: Record<string, number>[] = [];
  for (let n = 0; n < UPDATES; n++) losses.push({ ...(await step.run(host, 1e-3).losses()) });
  step.dispose();
  tiny.dispose();
  return losses;
}
