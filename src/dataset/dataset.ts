/** Datasets: a folder with a dataset.yaml, or a recording's own file. */

import { type Folder, pathIn } from '../ports/folder.js';
import { RecordingError } from '../recording/errors.js';
import {
  assembleRecording,
  createRecording,
  type Recording,
  replaceVariables,
  type Video,
} from '../recording/recording.js';
import { countSpikes, type Spikes, spikesEnd, spikeTimes } from '../recording/spikes.js';
import { grouped } from '../text/format.js';
import { checkFile } from '../text/yaml.js';
import { checkDescription, type Description, referencesIn } from './description.js';
import { Files } from './files.js';
import { keepNeurons } from './keep-neurons.js';
import { locate } from './locate.js';
import { readSpikes } from './read-spikes.js';
import { readNamedIntervals, readTrials } from './read-trials.js';
import {
  checkPerTrial,
  type ReadVariables,
  readVariables,
  withVariables,
} from './read-variables.js';
import type { SpikeSource, TrialSpikes } from './spike-clocks.js';
import { readOwnClocks } from './trial-clocks.js';

/** The true wiring of a simulated recording. Weights and flags are [target x source]. */
export interface Truth {
  readonly neurons: number;
  readonly weights: Float64Array;
  readonly strong: Uint8Array;
  readonly hubs: readonly number[];
  readonly groups: number;
}

export interface Dataset {
  /** The file it was opened by, as messages have it, and where it can be opened again. */
  readonly path: string;
  readonly location: string;
  readonly recording: Recording;
  readonly truth: Truth | undefined;
  /** What the files call each neuron, where that is not its place. */
  readonly names?: readonly string[];
  /** What each variable's numbers are in, where it is said. */
  readonly units: Readonly<Record<string, string>>;
  /** What it was read by: the dataset.yaml there is, or one that nobody wrote. */
  readonly raw: object;
  readonly guessed: boolean;
  /** What was done to the data, and what looks odd: sentences. */
  readonly notes: readonly string[];
}

/**
 * Opens a dataset.
 *
 * @param file of the folder: its dataset.yaml by whatever name, or a file that needs none; default: what the folder holds.
 * @throws RecordingError or ConfigError naming the file or key that does not do.
 */
export async function openDataset(folder: Folder, file?: string): Promise<Dataset> {
  const located = await locate(folder, file);
  const { raw, guessed } = located;
  const path = pathIn(folder, located.file);
  const described = checkFile(path, () => checkDescription(raw, ''));
  const files = await Files.open(
    folder,
    located.file,
    referencesIn(raw),
    located.opened && [[located.file, located.opened]],
  );
  const notes = [...located.notes];
  try {
    const name = described.name ?? (guessed ? located.file : folder.title);
    const note = (sentence: string) => notes.push(sentence);
    const every = readSpikes(described.spikes, files, described.start, note);
    const source = keepNeurons(every, described.spikes, files, note);
    const recording = readRecording({ ...described, name }, source, files, note);
    const units = Object.entries(described.variables).flatMap(([key, { unit }]) =>
      unit === undefined ? [] : [[key, unit] as const],
    );
    return {
      path,
      location: path,
      recording,
      truth: described.truth && readTruth(described.truth, files, recording.neurons),
      ...(source.names?.some((own, place) => own !== `${place}`) && { names: source.names }),
      units: Object.fromEntries(units),
      raw,
      guessed,
      notes,
    };
  } finally {
    files.close();
  }
}

type Named = Description & { readonly name: string };

function readRecording(
  described: Named,
  source: SpikeSource,
  files: Files,
  note: (sentence: string) => void,
): Recording {
  // On trials' own clocks, arrays of samples begin where those do.
  const begin = 'trials' in source ? described.spikes.start : 0;
  const read = readVariables(described, begin, files);
  if ('trials' in source) return readPerTrial(described, source, read, files, note);
  const { start, duration, frames, trials } = described;
  const dealt = trials && readTrials(trials, files, start, spikesEnd(source.spikes), note);
  const spans = dealt?.spans;
  checkPerTrial(read, dealt?.count ?? 1);
  const recording = createRecording({
    name: described.name,
    spikes: source.spikes,
    ...(frames && { frames: readVideo(frames, files, start) }),
    variables: read.session,
    ...(spans && { trials: spans }),
    intervals: Object.fromEntries(
      Object.entries(described.intervals).map(([name, spec]) => [
        name,
        readNamedIntervals(name, spec, files, start, duration ?? Number.POSITIVE_INFINITY, note),
      ]),
    ),
    ...(duration !== undefined && { duration }),
    ...(source.recorded !== undefined && { recorded: source.recorded }),
  });
  noteDropped(source.spikes, recording, note);
  return replaceVariables(
    recording,
    recording.trials.map((trial, n) => {
      const place = spans ? spans[n]!.place : n;
      return withVariables(trial, read.perTrial, place, described.variables).variables;
    }),
  );
}

/** Spikes that no trial holds are lost to the model: nobody should learn that by accident. */
function noteDropped(
  spikes: Spikes,
  { trials }: Recording,
  note: (sentence: string) => void,
): void {
  if ('counts' in spikes) return;
  const all = countSpikes(spikes.times);
  const kept = trials.reduce(
    (sum, trial) => sum + ('times' in trial.spikes ? countSpikes(trial.spikes.times) : 0),
    0,
  );
  if (kept < all) note(`${grouped(all - kept)} of ${grouped(all)} spikes are in no trial.`);
}

/** Trials that each have a clock of their own. */
function readPerTrial(
  described: Named,
  source: TrialSpikes,
  read: ReadVariables,
  files: Files,
  note: (sentence: string) => void,
): Recording {
  const [stray] = Object.keys(read.session);
  if (stray !== undefined) {
    throw new RecordingError(
      `variables.${stray} is on the session's clock, but the spikes are on their trials': give it per_trial, or an array for each trial.`,
    );
  }
  checkPerTrial(read, source.trials.length, countHint(source));
  const placed = readOwnClocks(described, source, files, note);
  return assembleRecording(
    described.name,
    placed.map(({ id, place, start, stop, spikes }) => {
      const trial = { id, start, duration: stop - start, spikes, variables: {} };
      return withVariables(trial, read.perTrial, place, described.variables);
    }),
  );
}

/** Why there may be more or fewer values than trials. */
function countHint({ trials, labels }: TrialSpikes): string | undefined {
  if (labels)
    return `in the order of their labels, which are ${labels.slice(0, 6).join(', ')}${labels.length > 6 ? ' and so on' : ''}; a trial without spikes has none`;
  return trials[0] && countSpikes(spikeTimes(trials[0])) === 0
    ? 'in their order; no spike is of trial 0, so if trials are numbered from 1, set spikes.relabel'
    : undefined;
}

function readVideo(spec: NonNullable<Description['frames']>, files: Files, start: number): Video {
  const { data, shape } = files.values('frames.data', spec.data);
  if (shape.length !== 3 || Array.isArray(data)) {
    throw new RecordingError(
      `frames.data should be numbers of [frames, height, width], but is [${shape.join(', ')}].`,
    );
  }
  const [count, height, width] = shape as [number, number, number];
  const kept = data instanceof Uint8Array || data instanceof Float32Array;
  return {
    data: kept ? data : Float32Array.from(data),
    count,
    height,
    width,
    dt: spec.dt,
    start: spec.start - start,
  };
}

function readTruth(spec: NonNullable<Description['truth']>, files: Files, neurons: number): Truth {
  const square = (key: 'weights' | 'strong') => {
    const { data, shape } = files.values(`truth.${key}`, spec[key]);
    if (Array.isArray(data) || shape.length !== 2 || shape.some((n) => n !== neurons)) {
      throw new RecordingError(
        `truth.${key} should be numbers of [${neurons}, ${neurons}], but is [${shape.join(', ')}].`,
      );
    }
    return data;
  };
  return {
    neurons,
    weights: Float64Array.from(square('weights')),
    strong: Uint8Array.from(square('strong')),
    hubs: Array.from(files.numbers('truth.hubs', spec.hubs)),
    groups: spec.groups,
  };
}
