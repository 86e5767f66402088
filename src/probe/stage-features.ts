/** Features of windows at stages of a network, for decoders that leave the network as it is. */

import { denseRows, type SparseRows } from '../analyze/regression.js';
import { RecordedForward } from '../neuroformer/forward-pass.js';
import type { WindowRef } from '../recording/windows.js';
import { meanPool } from '../tensor/sequence.js';
import type { Tensor } from '../tensor/tensor.js';
import type { DecodingInputs } from './decode.js';

/** Windows of one forward pass. */
const BATCH = 64;

/**
 * One row per window: the current window's tokens after attention to the past, where there is any,
 * and in the last layer, each as their mean and as the token of the window's end. These are four
 * times the network's width.
 *
 * @param progress called after each batch with how many windows are done
 */
export async function stageFeatures(
  { engine, model, layout, windows }: DecodingInputs,
  refs: readonly WindowRef[],
  progress: (done: number) => void = () => {},
): Promise<SparseRows> {
  const size = Math.min(BATCH, refs.length);
  const past = `${model.pastAttention.name}.${model.pastAttention.blocks.length - 1}`;
  using pass = new RecordedForward(engine, layout, size, ({ inputs }) => {
    const pooled: Record<string, Tensor> = {};
    const mask = model.config.rules.mask_padding ? inputs.mask : undefined;
    const pool = (stage: string, tokens: Tensor) => {
      pooled[`${stage}.mean`] = meanPool(tokens, mask);
      pooled[`${stage}.eos`] = meanPool(tokens, inputs.eos);
    };
    const { lastLayer } = model.forward(inputs, (name, value) => {
      if (name === past) pool('past', value());
    });
    pool('last', lastLayer);
    return pooled;
  });
  const rows: number[][] = [];
  for (let start = 0; start < refs.length; start += size) {
    const batch = refs.slice(start, start + size);
    // The last batch is padded with copies of its first window, whose features are ignored.
    const filled = Array.from({ length: size }, (_, n) => batch[n] ?? batch[0]!);
    const values = await pass.run(layout.collate(filled.map((ref) => windows.at(ref))));
    const stages = Object.values(values);
    for (let row = 0; row < batch.length; row++)
      rows.push(
        stages.flatMap((stage) => {
          const width = stage.length / size;
          return [...stage.subarray(row * width, (row + 1) * width)];
        }),
      );
    progress(start + batch.length);
  }
  return denseRows(rows);
}
