/** Reads numbers of a model from windows, batch by batch. */

import type { Engine } from '../gpu/engine.js';
import type { BatchLayout } from '../neuroformer/batch.js';
import { RecordedForward } from '../neuroformer/forward-pass.js';
import type { ModelInputs } from '../neuroformer/model.js';
import type { WindowRef, Windows } from '../recording/windows.js';
import type { Tensor } from '../tensor/tensor.js';

/** What is read, and from which windows. */
export interface WindowReading<Name extends string> {
  readonly engine: Engine;
  readonly layout: BatchLayout;
  readonly windows: Windows;
  /** Tensors of a batch of B windows, [B, ...] each. */
  compute(inputs: ModelInputs): Readonly<Record<Name, Tensor>>;
}

/** Windows per batch. */
const BATCH = 64;

/**
 * What is computed of each window, in the order of the windows.
 *
 * @param refs windows, at least one
 * @param progress called after each batch with how many windows were read
 * @returns by name, row-major with the axis of windows first
 */
export async function readWindows<Name extends string>(
  { engine, layout, windows, compute }: WindowReading<Name>,
  refs: readonly WindowRef[],
  progress: (done: number) => void = () => {},
): Promise<Record<Name, Float32Array>> {
  const size = Math.min(BATCH, refs.length);
  using pass = new RecordedForward(engine, layout, size, ({ inputs }) => compute(inputs));
  const results = {} as Record<Name, Float32Array>;
  for (let start = 0; start < refs.length; start += size) {
    const batch = refs.slice(start, start + size);
    // The last batch is padded with copies of its first window, whose results are left out.
    const filled = Array.from({ length: size }, (_, n) => batch[n] ?? batch[0]!);
    const tensors = await pass.run(layout.collate(filled.map((ref) => windows.at(ref))));
    for (const name of pass.names) {
      const width = tensors[name].length / size;
      results[name] ??= new Float32Array(refs.length * width);
      results[name].set(tensors[name].subarray(0, batch.length * width), start * width);
    }
    progress(start + batch.length);
  }
  return results;
}
