/** Forward passes over many windows, batch by batch, with a row of results for each window. */

import type { Engine } from '../gpu/engine.js';
import type { Batch, BatchLayout } from '../neuroformer/batch.js';
import { RecordedForward } from '../neuroformer/forward-pass.js';
import type { WindowRef, Windows } from '../recording/windows.js';
import type { Tensor } from '../tensor/tensor.js';
import { withFittingBatch } from './fitting-batch.js';

/** Windows of one forward pass, if they fit. */
const BATCH = 64;

/** What a forward pass needs besides its model. */
export interface ForwardInputs {
  readonly engine: Engine;
  readonly layout: BatchLayout;
  readonly windows: Windows;
}

/**
 * The values of named tensors, each [B, ...], for every window: [windows][values of a window].
 *
 * @param refs one window or more
 * @param compute computes the tensors of a batch. It is called once, while the pass is recorded
 * @param progress called after each batch with how many windows are done
 */
export function forwardWindows<Name extends string>(
  inputs: ForwardInputs,
  refs: readonly WindowRef[],
  compute: (batch: Batch) => Readonly<Record<Name, Tensor>>,
  progress: (done: number) => void = () => {},
): Promise<Readonly<Record<Name, readonly number[][]>>> {
  return withFittingBatch(Math.min(BATCH, refs.length), (size) =>
    forwardBatches(inputs, refs, size, compute, progress),
  );
}

async function forwardBatches<Name extends string>(
  { engine, layout, windows }: ForwardInputs,
  refs: readonly WindowRef[],
  size: number,
  compute: (batch: Batch) => Readonly<Record<Name, Tensor>>,
  progress: (done: number) => void,
): Promise<Readonly<Record<Name, readonly number[][]>>> {
  using pass = new RecordedForward(engine, layout, size, compute);
  const rows = Object.fromEntries(pass.names.map((name) => [name, [] as number[][]]));
  for (let start = 0; start < refs.length; start += size) {
    const batch = refs.slice(start, start + size);
    // The last batch is padded with copies of its first window, whose results are ignored.
    const filled = Array.from({ length: size }, (_, n) => batch[n] ?? batch[0]!);
    const values = await pass.run(layout.collate(filled.map((ref) => windows.at(ref))));
    for (const name of pass.names) {
      const width = values[name].length / size;
      for (let row = 0; row < batch.length; row++)
        rows[name]!.push([...values[name].subarray(row * width, (row + 1) * width)]);
    }
    progress(start + batch.length);
  }
  return rows as Record<Name, number[][]>;
}
