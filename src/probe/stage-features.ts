/** Features of windows at stages of a network, for decoders that leave the network as it is. */

import { denseRows, type SparseRows } from '../analyze/regression.js';
import type { Batch } from '../neuroformer/batch.js';
import type { WindowRef } from '../recording/windows.js';
import { meanPool } from '../tensor/sequence.js';
import type { Tensor } from '../tensor/tensor.js';
import type { DecodingInputs } from './decode.js';
import { forwardWindows } from './forward-windows.js';

/**
 * One row per window: the current window's tokens after attention to the past, where there is any,
 * and in the last layer, each as their mean and as the token of the window's end. These are four
 * times the network's width.
 *
 * @param progress called after each batch with how many windows are done
 */
export async function stageFeatures(
  inputs: DecodingInputs,
  refs: readonly WindowRef[],
  progress?: (done: number) => void,
): Promise<SparseRows> {
  const { pastAttention, config } = inputs.model;
  const past = `${pastAttention.name}.${pastAttention.blocks.length - 1}`;
  const compute = (batch: Batch) => {
    const { mask, eos } = batch.inputs;
    const pooled: Record<string, Tensor> = {};
    const pool = (stage: string, tokens: Tensor) => {
      pooled[`${stage}.mean`] = meanPool(tokens, config.rules.mask_padding ? mask : undefined);
      pooled[`${stage}.eos`] = meanPool(tokens, eos);
    };
    const { lastLayer } = inputs.model.forward(batch.inputs, (name, value) => {
      if (name === past) pool('past', value());
    });
    pool('last', lastLayer);
    return pooled;
  };
  const stages = Object.values(await forwardWindows(inputs, refs, compute, progress));
  return denseRows(refs.map((_, row) => stages.flatMap((values) => values[row]!)));
}
