/** How often each token occurs. */

import type { WindowRef, Windows } from './windows.js';

/** Maximum number of windows in which token frequencies are counted. */
const MAX_COUNTED_WINDOWS = 5000;

/**
 * The share of each token among the next tokens of training windows: [ids]. Of many windows it
 * counts some at even distances. Each neuron and EOS is counted once more than it occurs, so that
 * none is impossible.
 */
export function tokenFrequencies(windows: Windows, refs: readonly WindowRef[]): Float64Array {
  const { ids } = windows.settings;
  const counts = new Float64Array(ids.size);
  for (let token = 0; token < ids.size; token++)
    counts[token] = Number(ids.isNeuron(token) || token === ids.EOS);
  const stride = Math.ceil(refs.length / MAX_COUNTED_WINDOWS);
  for (let n = 0; n < refs.length; n += stride)
    for (const token of windows.at(refs[n]!).current.nextIds)
      if (token !== ids.PAD) counts[token]! += 1;
  const total = counts.reduce((sum, count) => sum + count, 0);
  return counts.map((count) => count / total);
}
