/** Reads spikes in one array of times, in any order, with the neuron of each. */

import type { Numbers } from '../formats/nodes.js';
import { RecordingError } from '../recording/errors.js';
import type { SpikesSpec } from './description.js';
import type { DataFiles } from './files.js';
import {
  type LoadedSpikes,
  type TrialSpikes,
  toSessionClock,
  toTrialClocks,
} from './spike-clocks.js';

/** Neuron and trial indices are below this; a larger number is more likely a label. */
const MAX_INDICES = 1_000_000;

/**
 * Reads `spikes.times`, where `spikes.neurons` has the neuron of each spike, and `spikes.trials`
 * perhaps its trial.
 *
 * @param note takes sentences about what was changed or left out.
 * @throws RecordingError where the arrays differ in length, or a neuron or trial is no index.
 */
export function readPairs(
  spec: SpikesSpec,
  timesReference: string,
  neuronsReference: string,
  files: DataFiles,
  sessionStart: number,
  note: (sentence: string) => void,
): LoadedSpikes {
  const { trials, count, relabel } = spec;
  const readIndices = (key: string, reference: string): LabelIndices =>
    relabel
      ? indexLabels(files.values(key, reference).data)
      : { indices: files.numbers(key, reference), labels: [] };
  const times = files.numbers('spikes.times', timesReference);
  const { indices: neurons, labels } = readIndices('spikes.neurons', neuronsReference);
  // With labels, neurons that `count` adds to those with spikes have none.
  const silentCount = Math.max(0, (count ?? 0) - labels.length);
  const silentNames = Array.from({ length: silentCount }, (_, n) => `unnamed ${labels.length + n}`);
  const names = labels.length > 0 ? { names: [...labels, ...silentNames] } : {};
  if (times.length !== neurons.length) {
    throw new RecordingError(
      `spikes.times has ${times.length} values, but spikes.neurons has ${neurons.length}: each spike needs a neuron.`,
    );
  }
  const neuronCount = checkNeurons(neurons, count);
  if (trials === undefined) {
    const lists = groupByNeuron(times, neurons, neuronCount);
    return { spikes: { times: toSessionClock(lists, spec, sessionStart, note) }, ...names };
  }
  const { data } = files.values('spikes.trials', trials);
  const spikes = { times, neurons, trials: data, neuronCount };
  return { ...sortIntoTrials(spikes, spec, note), ...names };
}

/** Spikes in any order, with the neuron and the trial of each. */
interface TrialSpikeList {
  readonly times: ArrayLike<number>;
  /** Indices. */
  readonly neurons: ArrayLike<number>;
  /** Indices or labels. */
  readonly trials: Numbers | string[];
  readonly neuronCount: number;
}

/**
 * Sorts spikes into trials that each have a clock of their own.
 *
 * @throws RecordingError where a spike has no trial, or its trial is no index.
 */
export function sortIntoTrials(
  { times, neurons, trials, neuronCount }: TrialSpikeList,
  spec: SpikesSpec,
  note: (sentence: string) => void,
): TrialSpikes {
  if (trials.length !== times.length) {
    throw new RecordingError(
      `spikes.trials has ${trials.length} values, but there are ${times.length} spike times: each spike needs a trial.`,
    );
  }
  if (!spec.relabel && Array.isArray(trials))
    throw new RecordingError(
      'spikes.trials contains text, but trials should be numbered from 0; set spikes.relabel: true if these are labels.',
    );
  const { indices, labels }: LabelIndices = spec.relabel
    ? indexLabels(trials)
    : { indices: trials as Numbers, labels: [] };
  const spikesByTrial: number[][] = [];
  const trialCount = maxIndex(indices, 'spikes.trials', 'trial') + 1;
  for (let trial = 0; trial < trialCount; trial++) spikesByTrial.push([]);
  for (let n = 0; n < indices.length; n++) spikesByTrial[indices[n]!]!.push(n);
  if (spikesByTrial[0]?.length === 0)
    note(
      'Trial 0 has no spikes. If trials are numbered from 1, set spikes.relabel: true in a dataset.yaml, as everything else about trials is matched by index from 0.',
    );
  const lists = spikesByTrial.map((spikes) => {
    const select = (values: ArrayLike<number>) => Float64Array.from(spikes, (n) => values[n]!);
    return groupByNeuron(select(times), select(neurons), neuronCount);
  });
  return {
    trials: toTrialClocks(lists, spec, spec.start, note),
    ...(labels.length > 0 && { labels }),
  };
}

interface LabelIndices {
  /** One per spike. */
  readonly indices: ArrayLike<number>;
  /** The label of each index; empty where the file has indices rather than labels. */
  readonly labels: readonly string[];
}

/** Sorts the labels that occur, by the numbers in them, and replaces each by its index. */
function indexLabels(labels: Numbers | string[]): LabelIndices {
  const sorted = [...new Set<number | string>(labels)].sort((p, q) =>
    typeof p === 'number' && typeof q === 'number'
      ? p - q
      : String(p).localeCompare(String(q), 'en', { numeric: true }),
  );
  const indexByLabel = new Map(sorted.map((label, index) => [label, index]));
  const indices = Int32Array.from(labels as ArrayLike<number>, (label) => indexByLabel.get(label)!);
  return { indices, labels: sorted.map(String) };
}

/**
 * The largest index; -1 where there are none.
 *
 * @throws RecordingError where a value is not a whole number from 0, or too large for an index.
 */
function maxIndex(indices: ArrayLike<number>, key: string, kind: 'neuron' | 'trial'): number {
  let max = -1;
  for (let n = 0; n < indices.length; n++) {
    const index = indices[n]!;
    if (!Number.isInteger(index) || index < 0 || index >= MAX_INDICES) {
      throw new RecordingError(
        `${key}: spike ${n} belongs to ${kind} ${index}, but ${kind}s should be numbered from 0 to at most ${MAX_INDICES - 1}; set spikes.relabel: true if these are labels.`,
      );
    }
    max = Math.max(max, index);
  }
  return max;
}

/**
 * The number of neurons: `count`, or the largest index + 1.
 *
 * @param neurons the neuron of each spike of the file, so that messages name its index there.
 * @throws RecordingError where a neuron is not an index below `count`.
 */
function checkNeurons(neurons: ArrayLike<number>, count: number | undefined): number {
  if (count === undefined) return maxIndex(neurons, 'spikes.neurons', 'neuron') + 1;
  for (let n = 0; n < neurons.length; n++) {
    const neuron = neurons[n]!;
    if (Number.isInteger(neuron) && neuron >= 0 && neuron < count) continue;
    throw new RecordingError(
      `spikes.neurons: spike ${n} belongs to neuron ${neuron}, but spikes.count is ${count}; neurons are numbered from 0.`,
    );
  }
  return count;
}

/** Groups times by neuron and keeps their order. @param neurons indices below `neuronCount`. */
function groupByNeuron(
  times: ArrayLike<number>,
  neurons: ArrayLike<number>,
  neuronCount: number,
): Float64Array[] {
  const sizes = new Uint32Array(neuronCount);
  for (let n = 0; n < neurons.length; n++) sizes[neurons[n]!]! += 1;
  const lists = Array.from(sizes, (size) => new Float64Array(size));
  const filled = new Uint32Array(neuronCount);
  for (let n = 0; n < neurons.length; n++) {
    const neuron = neurons[n]!;
    lists[neuron]![filled[neuron]!++] = times[n]!;
  }
  return lists;
}
