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
import { readFewer } from './fewer-neurons.js';
import { chooseHistory, HISTORIES, type HistoryChoice } from './history.js';
import type { Proposal } from './proposal.js';
import { readSpikes } from './reading.js';
import { spikeStep, spikesIn } from './spike-resolution.js';
import type { Target } from './targets.js';

/** Seconds from one decoded moment to the next: more often gains little. */
const STEPS = [0.05, 0.1, 0.2, 0.25, 0.5, 1];
/** More windows than this take long and teach little. */
const MAX_WINDOWS = 30_000;
/** Variables that a sentence names. */
const MAX_NAMED = 20;
/** Tokens of a trial. */
const MAX_TRIAL = 1000;
/** The weight of all decoded variables together, beside 1 of the spikes. */
const TOTAL_WEIGHT = 4;

/** A configuration that decodes the given variables, all over time or all once per trial. */
export async function proposeDecoding(
  recording: Recording,
  targets: readonly Target[],
): Promise<Proposal> {
  return targets[0]!.perTrial
    ? decodeTrials(recording, targets)
    : await decodeOverTime(recording, targets);
}

/** What decoding these is for, in words. */
export function purposeOf(targets: readonly Target[]): string {
  return `decode ${formatList(
    targets.map(({ name }) => name),
    MAX_NAMED,
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
  const seconds = secondsOfTrials(recording, short, dt);
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
    notes: isCut(seconds, short) ? [denseNote(recording, short, seconds)] : [],
  };
}

/** As much of the beginning of trials as attention can read. */
function secondsOfTrials(recording: Recording, short: number, dt: number): number {
  let seconds = wholeSteps(short, dt);
  while (spikesIn(recording, seconds) > MAX_TRIAL && seconds > dt)
    seconds = wholeSteps(seconds / 2, dt);
  return seconds;
}

/** Whether much less is read of trials than they have. */
function isCut(seconds: number, short: number): boolean {
  return seconds < 0.75 * short;
}

function denseNote(recording: Recording, short: number, seconds: number): string {
  const fewer = readFewer(
    recording,
    (part) => !isCut(secondsOfTrials(part, short, spikeStep(part)), short),
  );
  const cost = `Trials have so many spikes that only their first ${formatSeconds(seconds)} are read`;
  return fewer === undefined ? `${cost}.` : `${cost}: to read all of them, ${fewer}.`;
}

async function decodeOverTime(recording: Recording, targets: readonly Target[]): Promise<Proposal> {
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
  const choice = await chooseHistory(data, lengths);
  return configure(recording, targets, { dt, every, split, why, choice });
}

/** When variables are decoded, by what split, and from how much past. */
interface Plan {
  readonly dt: number;
  readonly every: number;
  readonly split: object;
  readonly why: string;
  readonly choice: HistoryChoice;
}

function configure(recording: Recording, targets: readonly Target[], plan: Plan): Proposal {
  const { dt, every, split, why, choice } = plan;
  const names = targets.map(({ name }) => name);
  const { model, training, comments, notes } = readSpikes(recording, names, every, choice);
  const weights = names.map((name) => [name, TOTAL_WEIGHT / names.length]);
  return {
    task: 'decode',
    purpose: purposeOf(targets),
    model: {
      ...SMALL_NETWORK,
      resolution: { dt },
      ...model,
      dropout: { attn: 0.2, resid: 0.2, id: 0 },
      modalities: modalities(targets, every),
      loss: { mu: 0.6, variables: Object.fromEntries(weights) },
    },
    training: { ...training, every, batch: 64, ...COMMON_TRAINING, split },
    comments: {
      window: describeHistory(choice),
      ...comments,
      'training.every': 'seconds from one decoded moment to the next',
      'training.split': why,
    },
    notes,
  };
}

function describeHistory({ seconds, skills }: HistoryChoice): string {
  const tried = skills.map((item) => `${formatSeconds(item.seconds)} ${item.skill.toFixed(2)}`);
  return tried.length > 0
    ? `${formatSeconds(seconds)} of spikes: ridge on counts of so much past decodes validation windows with a score (1 at best) of ${tried.join(', ')}`
    : `${formatSeconds(seconds)} of spikes`;
}
