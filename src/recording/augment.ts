/** What training may do to windows: spikes of one bin in random order, and tokens hidden at random. */

import type { HostRandom } from '../math/random.js';
import type { TokenWindow, Window } from './windows.js';

/**
 * The window with the spikes of each time bin in random order: their order within a bin is that of neuron numbers, which
 * means nothing and should not be learnt.
 */
export function shuffleTies(window: Window, random: HostRandom): Window {
  const { current, past } = window;
  return { ...window, current: shuffled(current, random), past: shuffled(past, random) };
}

function shuffled(window: TokenWindow, random: HostRandom): TokenWindow {
  const { ids, nextIds, nextTimes } = window;
  const last = nextIds.length - Math.max(0, window.pad - 1);
  const tokens = new Int32Array(nextIds.length + 1);
  tokens[0] = ids[0]!;
  tokens.set(nextIds, 1);
  const when = (n: number) => nextTimes[n - 1];
  // Spikes stand between the start token and the end.
  for (let start = 1; start < last; ) {
    let end = start + 1;
    while (end < last && when(end) === when(start)) end += 1;
    for (let n = end - 1; n > start; n--) {
      const other = start + random.integer(n - start + 1);
      const token = tokens[n]!;
      tokens[n] = tokens[other]!;
      tokens[other] = token;
    }
    start = end;
  }
  return { ...window, ids: tokens.slice(0, ids.length), nextIds: tokens.slice(1) };
}

/**
 * A key mask with spikes hidden at random: each is no key of any attention and no part of a mean, while SOS and EOS stay.
 *
 * @param isNeuron whether a token is a spike
 * @param share how many to hide, as a probability
 */
export function hideTokens<M extends Uint32Array>(
  mask: M,
  tokens: ArrayLike<number>,
  isNeuron: (token: number) => boolean,
  share: number,
  random: HostRandom,
): M {
  return mask.map((shown, n) =>
    shown && isNeuron(tokens[n]!) && random.uniform() < share ? 0 : shown,
  ) as M;
}
