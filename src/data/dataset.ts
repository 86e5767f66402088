/** Datasets on disk: a folder with a dataset.yaml, or a recording's own file. */

import { basename, dirname } from 'node:path';
import { describedAt } from './described.js';
import { checkDescription, type Description, referencesIn } from './description.js';
import { RecordingError } from './errors.js';
import { Files } from './files.js';
import { keepNeurons } from './kept-neurons.js';
import { createRecording, type Film, type Recording, recordingOf } from './recording.js';
import { readSpikes, type SpikeSource } from './spike-sources.js';
import { countSpikes, type Spikes, spanOf } from './spikes.js';
import { keptPlaces, readNamedIntervals, readTrials } from './trial-sources.js';
import { type ReadVariables, readVariables, withVariables } from './variable-sources.js';
import { ofFile } from './yaml.js';

/** The true wiring of a simulated recording. Weights and flags are [target x source]. */
export interface Truth {
  readonly neurons: number;
  readonly weights: Float64Array;
  readonly strong: Uint8Array;
  readonly hubs: readonly number[];
  readonly groups: number;
}

export interface Dataset {
  /** The file it was opened by. */
  readonly path: string;
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
 * Opens a dataset: a folder, its dataset.yaml, or a file that needs none.
 *
 * @throws RecordingError or ConfigError naming the file or key that does not do.
 */
export async function openDataset(path: string): Promise<Dataset> {
  const { file, raw, guessed, notes: said } = await describedAt(path);
  const described = ofFile(file, () => checkDescription(raw, ''));
  const files = await Files.open(dirname(file), basename(file), referencesIn(raw));
  const notes = [...said];
  try {
    const name = described.name ?? basename(guessed ? file : files.folder);
    const note = (sentence: string) => notes.push(sentence);
    const every = readSpikes(described.spikes, files, described.start, note);
    const source = keepNeurons(every, described.spikes, files, note);
    const recording = readRecording({ ...described, name }, source, files, note);
    const units = Object.entries(described.variables).flatMap(([key, { unit }]) =>
      unit === undefined ? [] : [[key, unit] as const],
    );
    return {
      path: file,
      recording,
      truth: described.truth && truthOf(described.truth, files, recording.neurons),
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
  const read = readVariables(described, files);
  if ('trials' in source) return ofTrials(described, source.trials, read, files);
  const { start, duration, frames, trials } = described;
  const spans = trials && readTrials(trials, files, start, spanOf(source.spikes), note);
  const recording = createRecording({
    name: described.name,
    spikes: source.spikes,
    ...(frames && { frames: filmOf(frames, files, start) }),
    variables: read.session,
    ...(spans && { trials: spans }),
    intervals: Object.fromEntries(
      Object.entries(described.intervals).map(([name, given]) => [
        name,
        readNamedIntervals(name, given, files, start, note),
      ]),
    ),
    ...(duration !== undefined && { duration }),
    ...(source.recorded !== undefined && { recorded: source.recorded }),
  });
  sayCut(source.spikes, recording, note);
  const placed = recording.trials.map((trial, n) =>
    withVariables(trial, read.perTrial, spans ? spans[n]!.place : n, described.variables),
  );
  return recordingOf(recording.name, placed, recording.intervals);
}

/** Spikes that no trial holds are lost to the model: nobody should learn that by accident. */
function sayCut(spikes: Spikes, { trials }: Recording, note: (sentence: string) => void): void {
  if ('counts' in spikes) return;
  const all = countSpikes(spikes.times);
  const kept = trials.reduce(
    (sum, trial) => sum + ('times' in trial.spikes ? countSpikes(trial.spikes.times) : 0),
    0,
  );
  if (kept < all) note(`${all - kept} of ${all} spikes are in no trial.`);
}

/** Trials that each have a clock of their own, one after the other where nobody says when they were. */
function ofTrials(
  described: Named,
  trials: readonly Spikes[],
  { perTrial, session }: ReadVariables,
  files: Files,
): Recording {
  const [stray] = Object.keys(session);
  if (stray !== undefined) {
    throw new RecordingError(
      `variables.${stray} is on the session's clock, but the spikes are on their trials': give it per_trial, or an array for each trial.`,
    );
  }
  const { ids, duration: given, keep, starts, unit = 1 } = described.trials ?? {};
  const duration = given ?? trials.map(spanOf).reduce((a, b) => Math.max(a, b), 0);
  const each = (key: 'ids' | 'starts', reference: string | undefined) => {
    if (reference === undefined) return undefined;
    const values = files.numbers(`trials.${key}`, reference);
    if (values.length === trials.length) return values;
    throw new RecordingError(
      `trials.${key} has ${values.length} values, but there are ${trials.length} trials.`,
    );
  };
  const [numbers, begins] = [each('ids', ids), each('starts', starts)];
  const places = keptPlaces(keep ?? trials.map((_, n) => n), trials.length);
  return recordingOf(
    described.name,
    places.map((place, n) => {
      const trial = {
        id: numbers?.[place] ?? place,
        start: begins ? begins[place]! * unit - described.start : n * duration,
        duration,
        spikes: trials[place]!,
        variables: {},
      };
      return withVariables(trial, perTrial, place, described.variables);
    }),
  );
}

function filmOf(given: NonNullable<Description['frames']>, files: Files, start: number): Film {
  const { data, shape } = files.values('frames.data', given.data);
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
    dt: given.dt,
    start: given.start - start,
  };
}

function truthOf(given: NonNullable<Description['truth']>, files: Files, neurons: number): Truth {
  const square = (key: 'weights' | 'strong') => {
    const { data, shape } = files.values(`truth.${key}`, given[key]);
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
    hubs: Array.from(files.numbers('truth.hubs', given.hubs)),
    groups: given.groups,
  };
}
