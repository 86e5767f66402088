/**
 * Random changes to training windows: simultaneous spikes are shuffled, and spikes are hidden from
 * attention.
 */

import type { HostRandom } from '../math/random.js';
import type { TokenWindow, Window } from './windows.js';

/**
 * Shuffles the spikes of each time bin, in the current and in the past window.
 *
 * Within a bin, spikes are sorted by neuron id. That order carries no information and should not be
 * learned.
 */
export function shuffleTies(window: Window, random: HostRandom): Window {
  const { current, past } = window;
  return { ...window, current: shuffleBins(current, random), past: shuffleBins(past, random) };
}

function shuffleBins(window: TokenWindow, random: HostRandom): TokenWindow {
  const { ids, nextIds, nextTimes } = window;
  const tokens = new Int32Array(nextIds.length + 1);
  tokens[0] = ids[0]!;
  tokens.set(nextIds, 1);
  // After SOS come the spikes, then EOS. EOS has a time token of its own and is therefore never
  // swapped.
  const end = nextIds.length - (window.pad - 1);
  for (let binStart = 1; binStart < end; ) {
    const time = nextTimes[binStart - 1];
    let binEnd = binStart + 1;
    while (binEnd < end && nextTimes[binEnd - 1] === time) binEnd += 1;
    for (let position = binEnd - 1; position > binStart; position--) {
      const partner = binStart + random.integer(position - binStart + 1);
      const token = tokens[position]!;
      tokens[position] = tokens[partner]!;
      tokens[partner] = token;
    }
    binStart = binEnd;
  }
  return { ...window, ids: tokens.slice(0, ids.length), nextIds: tokens.slice(1) };
}

/**
 * Hides spikes at random by clearing their entries in a key mask. A hidden spike is not a key of
 * any attention and does not enter any mean. SOS and EOS are never hidden.
 *
 * @param mask 1 for tokens that are keys, 0 for padding
 * @param tokens the token at each entry of the mask
 * @param isNeuron whether a token is a spike
 * @param share probability that a spike is hidden
 * @returns a new mask
 */
export function hideTokens<M extends Uint32Array>(
  mask: M,
  tokens: ArrayLike<number>,
  isNeuron: (token: number) => boolean,
  share: number,
  random: HostRandom,
): M {
  const hidden = mask.slice() as M;
  for (let position = 0; position < hidden.length; position++)
    if (hidden[position] && isNeuron(tokens[position]!) && random.uniform() < share)
      hidden[position] = 0;
  return hidden;
}
