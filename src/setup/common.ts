/** What all proposals share: the split, the network's size, lengths in steps. */

import { roundDecimals } from '../math/rounding.js';
import type { Recording } from '../recording/recording.js';
import { formatCount } from '../text/format.js';

/** With so many trials, whole trials are dealt out. */
const MIN_TRIALS = 10;
/** Of repeats of the same stimuli fewer are enough. */
const MIN_REPEATS = 4;

/** The keys of a split, and why. */
export function proposeSplit({ trials }: Recording): { split: object; why: string } {
  const conditions = trials.flatMap(({ condition }) =>
    condition === undefined ? [] : [condition],
  );
  const repeats = conditions.length - new Set(conditions).size;
  if (trials.length >= MIN_TRIALS || repeats >= MIN_REPEATS)
    return {
      split: { kind: 'trials', fractions: { train: 0.64, validation: 0.16, test: 0.2 } },
      why: `whole trials of ${formatCount(trials.length)} are dealt out, so that none is trained and tested on`,
    };
  return {
    split: { kind: 'blocks', fractions: { train: 0.7, validation: 0.1, test: 0.2 } },
    why: 'blocks of time with gaps between them; the last fifth is the test',
  };
}

/** A small network that learns fast, on a laptop too. */
export const SMALL_NETWORK = { n_embd: 32, n_head: 4, initial_weights: 'fan_in', wave_emb: true };

/** Settings of training that all tasks share. */
export const COMMON_TRAINING = { warmup: 0.05, floor: 0.02, decay: 0.1 };

/** Seconds rounded down to whole steps, at least one. */
export function wholeSteps(seconds: number, step: number): number {
  return roundDecimals(Math.max(1, Math.floor(seconds / step + 1e-6)) * step, 6);
}

/** Seconds rounded up to whole steps. */
export function stepsUp(seconds: number, step: number): number {
  return roundDecimals(Math.max(1, Math.ceil(seconds / step - 1e-6)) * step, 6);
}

/** Windows that slide hold a few spikes more than those side by side, which were counted. */
const MARGIN = 1.1;

/** Tokens of a block for windows of so many spikes: with those of start and end. */
export function blockFor(spikes: number): number {
  return Math.max(3, Math.ceil(MARGIN * spikes) + 2);
}
