/** The features of windows that a contrastive loss aligns. */

import type { FeatureMatrix } from '../analyze/feature-matrix.js';
import type { Batch } from '../neuroformer/batch.js';
import type { WindowRef } from '../recording/windows.js';
import { normalize } from '../tensor/normalize.js';
import { forwardWindows } from './forward-windows.js';
import type { StageInputs } from './stage-features.js';

/** A feature of the neural activity: of EOS before the fusion, or the mean after the decoder. */
export type ActivityFeature = 'eos' | 'id';

/**
 * The feature of each window as the contrastive loss compares it, projected and of length 1: its
 * latent. Without a contrastive loss it is the feature itself.
 *
 * @param refs windows, at least one
 * @param progress called after each batch with how many windows were read
 */
export async function windowLatents(
  inputs: StageInputs,
  feature: ActivityFeature,
  refs: readonly WindowRef[],
  progress?: (done: number) => void,
): Promise<FeatureMatrix> {
  const { model } = inputs;
  const isAligned = model.config.contrastive.contrastive;
  const compute = (batch: Batch) => {
    const state = model.forward(batch.inputs).features[feature]!;
    return { latent: isAligned ? normalize(model.project(state)) : state };
  };
  const { latent } = await forwardWindows(inputs, refs, compute, progress);
  const values = Float32Array.from(latent.flat());
  return { rows: refs.length, columns: values.length / refs.length, values };
}
