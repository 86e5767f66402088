/** How a model reads the spikes before a decoded moment, by how many they are. */

import { roundDecimals } from '../math/rounding.js';
import type { Recording } from '../recording/recording.js';
import { formatCount, formatList, formatSeconds } from '../text/format.js';
import { blockFor, wholeSteps } from './common.js';
import { readFewer } from './fewer-neurons.js';
import type { HistoryChoice } from './history.js';
import { spikeStep, spikesIn } from './spike-resolution.js';

/** Keys of a configuration, and what is to be said of them. */
export interface Reading {
  /** Keys of the model. */
  readonly model: object;
  /** Keys under `training`. */
  readonly training: object;
  readonly comments: Readonly<Record<string, string>>;
  readonly notes: readonly string[];
}

/** Tokens of the current and of the past window that attention reads at a good pace. */
const [MAX_CURRENT, MAX_PAST] = [128, 384];
/** Seconds: current windows are not longer. */
const MAX_WINDOW = 0.5;
/** Bins of counts in a readout, and how many counts it may read in all. */
const [MAX_BINS, MAX_COUNTS] = [20, 20_000];
/** Bins, lags and values of tuning curves. */
const [TUNING_BINS, TUNING_LAGS, TUNING_VALUES] = [6, 4, 32];
/** Passes over the training windows: tuning curves overfit late. */
const [EPOCHS, TUNING_EPOCHS] = [6, 14];
/** Variables that a sentence names. */
const MAX_NAMED = 8;

/**
 * Reads spikes one by one, where attention can, or else counts them; and by tuning curves, where
 * they were found to be better.
 *
 * @param names of the decoded variables
 * @param every seconds from one decoded moment to the next
 */
export function readSpikes(
  recording: Recording,
  names: readonly string[],
  every: number,
  { seconds, tuned }: HistoryChoice,
): Reading {
  const dt = spikeStep(recording);
  const { current, past, spikes, earlier, isDense } = tokensIn(recording, seconds, dt);
  // Without tokens nothing but a readout tells variables.
  const isTuned = tuned.length > 0 && (!isDense || tuned.length === names.length);
  const { readout, why } = isTuned
    ? tuningCurves(tuned)
    : countsAndQueries(isDense, binsIn(recording, seconds, every));
  const epochs = isTuned ? TUNING_EPOCHS : EPOCHS;
  if (isDense)
    return {
      model: {
        window: { curr: every, prev: rest(seconds, every) || dt },
        block_size: { id: 3, prev_id: 3 },
        readout,
        layers: { encoder: 0, state: 0, state_history: 0, stimulus: 0 },
      },
      training: { losses: names, epochs, rate: 1e-3 },
      comments: { block_size: 'no room for spikes one by one: they are counted', readout: why },
      notes: [denseNote(recording, seconds)],
    };
  return {
    model: {
      window: { curr: current, prev: past },
      block_size: { id: blockFor(spikes), prev_id: blockFor(earlier) },
      pool: 'eos',
      readout,
      layers: { state: 1, state_history: 1, stimulus: 0 },
    },
    training: { epochs, rate: 2e-3, token_dropout: 0.4 },
    comments: {
      block_size: 'tokens: the spikes of 999 of 1,000 windows, with start and end',
      readout: why,
      'training.token_dropout': 'spikes hidden at random, against overfitting',
    },
    notes: [],
  };
}

interface ExplainedReadout {
  readonly readout: object;
  readonly why: string;
}

function tuningCurves(variables: readonly string[]): ExplainedReadout {
  const tuning = { variables, lags: TUNING_LAGS, values: TUNING_VALUES };
  return {
    readout: { blocks: 0, bins: TUNING_BINS, hidden: [], tuning },
    why: `${formatList(variables, MAX_NAMED)} by tuning curves, which decoded validation windows better than ridge did`,
  };
}

function countsAndQueries(isDense: boolean, bins: number): ExplainedReadout {
  return isDense
    ? { readout: { blocks: 0, bins }, why: `a perceptron reads the counts of ${bins} bins` }
    : {
        readout: { blocks: 1, bins },
        why: `a query of each variable reads the spikes, a perceptron their counts in ${bins} bins`,
      };
}

/** Bins of the perceptron: as fine as the decoded moments, while the counts are not too many. */
function binsIn({ neurons }: Recording, seconds: number, every: number): number {
  const affordable = Math.floor(MAX_COUNTS / neurons);
  return Math.max(1, Math.min(MAX_BINS, Math.round(seconds / every), affordable));
}

/** What attention to each spike of a history reads, and whether that is too much. */
function tokensIn(recording: Recording, seconds: number, dt: number) {
  const current = currentWindow(recording, seconds, dt);
  const past = rest(seconds, current) || dt;
  const [spikes, earlier] = [spikesIn(recording, current), spikesIn(recording, past)];
  const isDense = spikes > MAX_CURRENT || earlier > MAX_PAST;
  return { current, past, spikes, earlier, isDense };
}

/** The longest current window, up to half of the history, of not too many spikes. */
function currentWindow(recording: Recording, history: number, dt: number): number {
  let seconds = wholeSteps(Math.min(MAX_WINDOW, history / 2), dt);
  while (seconds > dt && spikesIn(recording, seconds) > MAX_CURRENT)
    seconds = wholeSteps(seconds / 2, dt);
  return seconds;
}

/** Seconds that are left of a history before the current window. */
function rest(seconds: number, current: number): number {
  return roundDecimals(seconds - current, 6);
}

function denseNote(recording: Recording, seconds: number): string {
  const fewer = readFewer(recording, (part) => !tokensIn(part, seconds, spikeStep(part)).isDense);
  const cost = `${formatCount(spikesIn(recording, seconds))} spikes in ${formatSeconds(seconds)} are too many for attention to each of them within minutes, so they are counted in bins and the model decodes without predicting spikes.`;
  return fewer === undefined ? cost : `${cost} To predict them as well, ${fewer}.`;
}
