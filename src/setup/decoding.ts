/** Proposes configurations that decode variables over time, or one value of each trial. */

import { parseConfig } from '../neuroformer/config.js';
import type { Recording } from '../recording/recording.js';
import { formatList, formatSeconds } from '../text/format.js';
import { parseTrainSettings } from '../train/settings.js';
import { prepareTrainingData } from '../train/training-data.js';
import {
  blockFor,
  COMMON_TRAINING,
  proposeSplit,
  SMALL_NETWORK,
  stepsUp,
  wholeSteps,
} from './common.js';
import { chooseHistory, HISTORIES, type HistoryChoice } from './history.js';
import type { Proposal } from './proposal.js';
import { spikeStep, spikesIn } from './spike-resolution.js';
import type { Target } from './targets.js';

/** Seconds from one decoded moment to the next: more often gains little. */
const STEPS = [0.05, 0.1, 0.2, 0.25, 0.5, 1];
/** More windows than this take long and teach little. */
const MAX_WINDOWS = 30_000;
/** Tokens of the current and of the past window that attention reads at a good pace. */
const [MAX_CURRENT, MAX_PAST] = [128, 384];
/** Tokens of a trial. */
const MAX_TRIAL = 1000;
/** Bins of counts in a readout, and how many counts it may read in all. */
const [MAX_BINS, MAX_COUNTS] = [20, 20_000];

/** A configuration that decodes the given variables, all over time or all once per trial. */
export function proposeDecoding(recording: Recording, targets: readonly Target[]): Proposal {
  return targets[0]!.perTrial
    ? decodeTrials(recording, targets)
    : decodeOverTime(recording, targets);
}

function purposeOf(targets: readonly Target[]): string {
  return `decode ${formatList(
    targets.map(({ name }) => name),
    MAX_BINS,
  )}`;
}

/** The entries of `modalities` for variables with a time step. */
function modalities(targets: readonly Target[], dt: number): object {
  const variables = targets.map(({ name, objective, period }) => [
    name,
    {
      dt,
      predict: true,
      objective,
      ...(period !== undefined && period !== 2 * Math.PI && { period }),
    },
  ]);
  return { behavior: { n_layers: 0, window: dt, variables: Object.fromEntries(variables) } };
}

function decodeTrials(recording: Recording, targets: readonly Target[]): Proposal {
  const dt = spikeStep(recording);
  const durations = recording.trials.map(({ duration }) => duration).sort((p, q) => p - q);
  const short = durations[Math.floor(0.1 * durations.length)]!;
  let seconds = wholeSteps(short, dt);
  while (spikesIn(recording, seconds) > MAX_TRIAL && seconds > dt)
    seconds = wholeSteps(seconds / 2, dt);
  const longest = durations.at(-1)!;
  const { split, why } = proposeSplit(recording);
  return {
    task: 'decode',
    purpose: purposeOf(targets),
    model: {
      ...SMALL_NETWORK,
      window: { curr: seconds, prev: dt },
      resolution: { dt },
      block_size: { id: blockFor(spikesIn(recording, seconds)), prev_id: 3 },
      layers: { encoder: 0, state: 1, state_history: 0, stimulus: 0 },
      dropout: { attn: 0.2, resid: 0.2, id: 0 },
      modalities: modalities(targets, seconds),
      loss: { mu: 0.6 },
    },
    training: {
      every: stepsUp(longest, dt),
      epochs: 30,
      batch: 32,
      rate: 3e-3,
      ...COMMON_TRAINING,
      token_dropout: 0.4,
      split,
    },
    comments: {
      window: `one window per trial: its first ${formatSeconds(seconds)}, which ${longest - short > dt / 2 ? 'nearly all trials have' : 'all trials have'}; nothing is read from before it`,
      block_size: 'tokens: the spikes of 999 of 1,000 windows, with start and end',
      'training.every': 'the length of the longest trial: one window in each',
      'training.token_dropout': 'spikes hidden at random, against overfitting to few trials',
      'training.split': why,
    },
    notes:
      seconds < 0.75 * short
        ? [
            `Trials have so many spikes that only their first ${formatSeconds(seconds)} are read: to read more, keep fewer neurons (spikes.keep in the dataset.yaml).`,
          ]
        : [],
  };
}

function decodeOverTime(recording: Recording, targets: readonly Target[]): Proposal {
  const dt = spikeStep(recording);
  const total = recording.trials.reduce((sum, { duration }) => sum + duration, 0);
  const sampled = Math.max(...targets.map(({ step }) => step!));
  const least = Math.max(sampled, total / MAX_WINDOWS);
  const every = stepsUp(STEPS.find((step) => step >= least - 1e-9) ?? STEPS.at(-1)!, dt);
  const { split, why } = proposeSplit(recording);
  const lengths = HISTORIES.map((seconds) => stepsUp(seconds, every));
  const longest = lengths.at(-1)!;
  const search = {
    window: { curr: every, prev: longest - every },
    resolution: { dt },
    block_size: { id: 3, prev_id: 3 },
    modalities: modalities(targets, every),
  };
  const data = prepareTrainingData(
    recording,
    parseConfig(search).config,
    parseTrainSettings({ every, split }),
  );
  const choice = chooseHistory(data, lengths);
  return configure(recording, targets, { dt, every, split, why, choice });
}

interface Plan {
  readonly dt: number;
  readonly every: number;
  readonly split: object;
  readonly why: string;
  readonly choice: HistoryChoice;
}

function configure(
  recording: Recording,
  targets: readonly Target[],
  { dt, every, split, why, choice }: Plan,
): Proposal {
  const { seconds, tuned, skills } = choice;
  const current = currentWindow(recording, seconds, dt);
  const past = Math.max(dt, Number((seconds - current).toFixed(6)));
  const isDense =
    spikesIn(recording, current) > MAX_CURRENT || spikesIn(recording, past) > MAX_PAST;
  const isTuned = tuned.length > 0;
  const bins = Math.max(
    1,
    Math.min(
      isTuned ? 6 : MAX_BINS,
      Math.round(seconds / every),
      Math.floor(MAX_COUNTS / recording.neurons),
    ),
  );
  const names = targets.map(({ name }) => name);
  const perceptronOnly = isDense && !isTuned;
  const tuning = { variables: tuned, lags: Math.min(4, bins), values: 32 };
  return {
    task: 'decode',
    purpose: purposeOf(targets),
    model: {
      ...SMALL_NETWORK,
      window: isDense
        ? { curr: every, prev: Number((seconds - every).toFixed(6)) || dt }
        : { curr: current, prev: past },
      resolution: { dt },
      block_size: isDense
        ? { id: 3, prev_id: 3 }
        : {
            id: blockFor(spikesIn(recording, current)),
            prev_id: blockFor(spikesIn(recording, past)),
          },
      pool: 'eos',
      readout: isTuned
        ? { blocks: 0, bins, hidden: [], tuning }
        : { blocks: isDense ? 0 : 1, bins },
      layers: isDense
        ? { encoder: 0, state: 0, state_history: 0, stimulus: 0 }
        : { state: 1, state_history: 1, stimulus: 0 },
      dropout: { attn: 0.2, resid: 0.2, id: 0 },
      modalities: modalities(targets, every),
      loss: {
        mu: 0.6,
        variables: Object.fromEntries(names.map((name) => [name, 4 / names.length])),
      },
    },
    training: {
      ...(perceptronOnly && { losses: names }),
      every,
      epochs: isTuned ? 14 : 6,
      batch: 64,
      rate: perceptronOnly ? 1e-3 : 2e-3,
      ...COMMON_TRAINING,
      ...(!isDense && { token_dropout: 0.4 }),
      split,
    },
    comments: {
      window: describeHistory(seconds, skills),
      block_size: isDense
        ? 'no room for spikes one by one: they are counted'
        : 'tokens: the spikes of 999 of 1,000 windows, with start and end',
      readout: isTuned
        ? `${formatList(tuned, 8)} by tuning curves, which decoded validation windows better than ridge did`
        : isDense
          ? `a perceptron reads the counts of ${bins} bins`
          : `a query of each variable reads the spikes, a perceptron their counts in ${bins} bins`,
      'training.every': 'seconds from one decoded moment to the next',
      ...(!isDense && { 'training.token_dropout': 'spikes hidden at random, against overfitting' }),
      'training.split': why,
    },
    notes: isDense
      ? [
          `${spikesIn(recording, every)} spikes in ${formatSeconds(every)} are too many for attention to each of them within minutes, so they are counted in bins and the model decodes without predicting spikes. To predict them as well, keep fewer neurons (spikes.keep in the dataset.yaml).`,
        ]
      : [],
  };
}

/** The longest current window, up to half of the history and 0.5 s, of not too many spikes. */
function currentWindow(recording: Recording, history: number, dt: number): number {
  let seconds = wholeSteps(Math.min(0.5, history / 2), dt);
  while (seconds > dt && spikesIn(recording, seconds) > MAX_CURRENT)
    seconds = wholeSteps(seconds / 2, dt);
  return seconds;
}

function describeHistory(seconds: number, skills: HistoryChoice['skills']): string {
  const tried = skills.map((item) => `${formatSeconds(item.seconds)} ${item.skill.toFixed(2)}`);
  return tried.length > 0
    ? `${formatSeconds(seconds)} of spikes: ridge on counts of so much past decodes validation windows with a score (1 at best) of ${tried.join(', ')}`
    : `${formatSeconds(seconds)} of spikes`;
}
