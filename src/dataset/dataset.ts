/** Opens datasets: a folder with a dataset.yaml, or a data file that needs none. */

import { type Folder, joinPath } from '../ports/folder.js';
import { RecordingError } from '../recording/errors.js';
import {
  assembleRecording,
  createRecording,
  type Recording,
  replaceVariables,
} from '../recording/recording.js';
import {
  countSpikes,
  lowerBound,
  type Spikes,
  spikesEnd,
  spikeTimes,
} from '../recording/spikes.js';
import type { Truth } from '../simulate/truth.js';
import { formatCount } from '../text/format.js';
import { isRecord } from '../text/schema.js';
import { checkFile } from '../text/yaml.js';
import {
  checkDescription,
  type Description,
  listReferences,
  type VariableSpec,
} from './description.js';
import { DataFiles } from './files.js';
import { keepNeurons } from './keep-neurons.js';
import { LeftOut } from './left-out.js';
import { locateDescription } from './locate.js';
import type { IntervalTable } from './nwb-intervals.js';
import { checkEventBins } from './read-events.js';
import { readVideo, withSequence } from './read-frames.js';
import { readSpikes } from './read-spikes.js';
import { alignToBins, readNamedIntervals, readTrials } from './read-trials.js';
import { readTruth } from './read-truth.js';
import {
  addPerTrialVariables,
  checkTrialCounts,
  type EventVariable,
  type LoadedVariables,
  readVariables,
} from './read-variables.js';
import {
  type LoadedSpikes,
  loadedNeuronCount,
  type SessionSpikes,
  type TrialSpikes,
} from './spike-clocks.js';
import { readTrialSegments } from './trial-clocks.js';

/** A recording that was read from files, and how it was read. */
export interface Dataset {
  /** The file it was opened by, as messages name it: a dataset.yaml or a data file. */
  readonly path: string;
  /** The path by which it can be opened again; absolute in Node. */
  readonly location: string;
  /** The recording that was read. */
  readonly recording: Recording;
  /** What is known of a simulated recording, such as its wiring. */
  readonly truth: Truth | undefined;
  /** The name of each neuron in the files, where names differ from indices. */
  readonly names?: readonly string[];
  /** The unit of each variable that has one. */
  readonly units: Readonly<Record<string, string>>;
  /** The description that it was read by, as parsed from a dataset.yaml or guessed. */
  readonly rawDescription: object;
  /** Whether the description was guessed, because there is no dataset.yaml. */
  readonly guessed: boolean;
  /** What was assumed, changed or left out, in sentences. */
  readonly notes: readonly string[];
  /**
   * Of an NWB file that was guessed: its tables of intervals other than the trials, any of which
   * may be chosen as trials instead.
   */
  readonly tables?: readonly IntervalTable[];
}

/** How a dataset is read, beside what its dataset.yaml says. */
export interface OpenOptions {
  /**
   * Of an NWB file without a dataset.yaml: the name of the table of intervals whose rows are the
   * trials, and whose columns are variables. Default: `trials`.
   */
  readonly trials?: string;
  /** At most so many neurons, those with the most spikes: `spikes.max_neurons`. Default: all. */
  readonly maxNeurons?: number;
}

/**
 * Opens a dataset and reads all of its recording into memory.
 *
 * @param file a dataset.yaml by any name, or a data file. Default: the folder's dataset.yaml, its
 *   phy files, or its only data file.
 * @throws RecordingError where a file cannot be read or its contents do not fit the description,
 *   with the key.
 * @throws ConfigError where the dataset.yaml is not valid, with the key, what it should be and what
 *   it is.
 */
export async function openDataset(
  folder: Folder,
  file?: string,
  { trials, maxNeurons }: OpenOptions = {},
): Promise<Dataset> {
  const located = await locateDescription(folder, file, trials);
  const { guessed } = located;
  const rawDescription = withMaxNeurons(located.rawDescription, maxNeurons);
  const path = joinPath(folder, located.file);
  const description = checkFile(path, () => checkDescription(rawDescription, ''));
  const files = await DataFiles.open(
    folder,
    located.file,
    listReferences(rawDescription),
    located.opened && [[located.file, located.opened]],
  );
  const notes = [...located.notes];
  try {
    const name = description.name ?? (guessed ? located.file : folder.title);
    const note = (sentence: string) => notes.push(sentence);
    // What a dataset.yaml names has to be there; what was guessed may turn out to be unusable.
    const leftOut = guessed ? new LeftOut(note) : undefined;
    const allNeurons = readSpikes(description.spikes, files, description.start, note, leftOut);
    const spikes = keepNeurons(allNeurons, description.spikes, files, note);
    const recording = readRecording({ ...description, name }, spikes, files, note, leftOut);
    const units = Object.entries(description.variables).flatMap(([key, spec]) => {
      const unit = variableUnit(spec);
      return unit === undefined ? [] : [[key, unit] as const];
    });
    return {
      path,
      location: path,
      recording,
      truth:
        description.truth &&
        readTruth(description.truth, files, recording.neurons, loadedNeuronCount(allNeurons)),
      ...(spikes.names?.some((neuronName, index) => neuronName !== `${index}`) && {
        names: spikes.names,
      }),
      units: Object.fromEntries(units),
      rawDescription: leftOut ? leftOut.describe(rawDescription) : rawDescription,
      guessed,
      notes,
      ...(located.tables && located.tables.length > 0 && { tables: located.tables }),
    };
  } finally {
    files.close();
  }
}

/** A description with this many neurons at most. */
function withMaxNeurons(description: object, maxNeurons: number | undefined): object {
  const { spikes }: { spikes?: unknown } = description;
  return maxNeurons !== undefined && isRecord(spikes)
    ? { ...description, spikes: { ...spikes, max_neurons: maxNeurons } }
    : description;
}

/** The unit of a variable, where it has one. Rates of events are in Hz unless they are scaled. */
function variableUnit({ unit, events, scale, offset }: VariableSpec): string | undefined {
  const isRate = events !== undefined && scale === 1 && offset === 0;
  return unit ?? (isRate ? 'Hz' : undefined);
}

type NamedDescription = Description & { readonly name: string };

function readRecording(
  description: NamedDescription,
  spikes: LoadedSpikes,
  files: DataFiles,
  note: (sentence: string) => void,
  leftOut: LeftOut | undefined,
): Recording {
  // Where trials have clocks of their own, they begin at `spikes.start` on them, for samples as for
  // spikes.
  const trialClockStart = 'trials' in spikes ? description.spikes.start : 0;
  const variables = readVariables(description, trialClockStart, files, note, leftOut);
  const recording =
    'trials' in spikes
      ? assembleTrials(description, spikes, variables, files, note)
      : cutSession(description, spikes, variables, files, note, leftOut);
  checkEventBins(description.variables, recording.trials);
  const { frames, trials } = description;
  if (!frames?.sequence) return recording;
  if (!trials && !('trials' in spikes)) {
    throw new RecordingError(
      'frames.sequence is known by the time in each trial, but the session has no trials: add trials with starts, and stops if there are any.',
    );
  }
  return withSequence(recording, frames.sequence, frames, trialClockStart, note);
}

/** The recording of a session on one clock, cut into its trials. */
function cutSession(
  description: NamedDescription,
  { spikes, recorded, observed }: SessionSpikes,
  variables: LoadedVariables,
  files: DataFiles,
  note: (sentence: string) => void,
  leftOut: LeftOut | undefined,
): Recording {
  const { start, duration, frames } = description;
  const trials =
    description.trials &&
    readTrials(
      description.trials,
      files,
      start,
      spikesEnd(spikes),
      variables.columns,
      note,
      leftOut,
    );
  checkTrialCounts(variables, trials?.count ?? 1);
  const spans =
    trials && 'counts' in spikes ? alignToBins(trials.spans, spikes.dt, note) : trials?.spans;
  const recording = createRecording({
    name: description.name,
    spikes,
    ...(frames?.data !== undefined && { frames: readVideo(frames.data, frames, files, start) }),
    variables: variables.session,
    ...(spans && { trials: spans }),
    intervals: Object.fromEntries(
      Object.entries(description.intervals).map(([name, spec]) => [
        name,
        readNamedIntervals(name, spec, files, start, duration ?? Number.POSITIVE_INFINITY, note),
      ]),
    ),
    ...(duration !== undefined && { duration }),
    recorded: variables.events.map(eventsEnd).reduce((a, b) => Math.max(a, b), recorded ?? 0),
    ...(observed && { observed }),
  });
  noteDropped(spikes, recording, note);
  noteDroppedEvents(variables.events, recording, note);
  return replaceVariables(
    recording,
    recording.trials.map((trial, n) => {
      const index = spans ? spans[n]!.index : n;
      const added = [...variables.perTrial, ...variables.events];
      return addPerTrialVariables(trial, added, index, description.variables).variables;
    }),
  );
}

/** Notes spikes outside all trials, which no model will read. */
function noteDropped(
  spikes: Spikes,
  { trials }: Recording,
  note: (sentence: string) => void,
): void {
  if ('counts' in spikes) return;
  const total = countSpikes(spikes.times);
  const kept = trials.reduce(
    (sum, trial) => sum + ('times' in trial.spikes ? countSpikes(trial.spikes.times) : 0),
    0,
  );
  if (kept < total)
    note(
      `Spikes outside all trials are left out (${formatCount(total - kept)} of ${formatCount(total)}).`,
    );
}

/** When the bin of the last event ends, in seconds on the session clock; 0 where there are none. */
function eventsEnd({ times, dt }: EventVariable): number {
  const last = times.at(-1) ?? 0;
  return last > 0 ? (Math.floor(last / dt) + 1) * dt : 0;
}

/** Notes events outside all trials, which no model will read. */
function noteDroppedEvents(
  events: readonly EventVariable[],
  { trials }: Recording,
  note: (sentence: string) => void,
): void {
  for (const { name, times } of events) {
    const kept = trials.reduce(
      (sum, { start, duration }) =>
        sum + lowerBound(times, start + duration) - lowerBound(times, start),
      0,
    );
    if (kept < times.length)
      note(
        `Events of ${name} outside all trials are left out (${formatCount(times.length - kept)} of ${formatCount(times.length)}).`,
      );
  }
}

/**
 * The recording of trials that have clocks of their own.
 *
 * @throws RecordingError where a variable, a video or intervals are on the session clock.
 */
function assembleTrials(
  description: NamedDescription,
  spikes: TrialSpikes,
  variables: LoadedVariables,
  files: DataFiles,
  note: (sentence: string) => void,
): Recording {
  const [sessionVariable] = [
    ...Object.keys(variables.session),
    ...variables.events.map(({ name }) => name),
  ];
  if (sessionVariable !== undefined) {
    throw new RecordingError(
      `variables.${sessionVariable} is on the session clock, but the spikes are on the clocks of their trials: give it per_trial: true where it has one value per trial, or else one array per trial.`,
    );
  }
  const { frames, intervals } = description;
  const hasVideo = frames?.data !== undefined;
  if (hasVideo || Object.keys(intervals).length > 0) {
    throw new RecordingError(
      `${hasVideo ? 'frames.data' : 'intervals'} can only be read on the session clock, but the spikes are on the clocks of their trials: leave it out.`,
    );
  }
  checkTrialCounts(variables, spikes.trials.length, trialOrderHint(spikes));
  const segments = readTrialSegments(description, spikes, files, variables.columns, note);
  return assembleRecording(
    description.name,
    segments.map(({ id, index, start, stop, condition, spikes: trialSpikes }) => {
      const trial = {
        id,
        start,
        duration: stop - start,
        spikes: trialSpikes,
        variables: {},
        ...(condition !== undefined && { condition }),
      };
      return addPerTrialVariables(trial, variables.perTrial, index, description.variables);
    }),
  );
}

/**
 * How values per trial correspond to trials, and why there may be more or fewer: the end of an
 * error message.
 */
function trialOrderHint({ trials, labels }: TrialSpikes): string | undefined {
  if (labels)
    return `in the order of their labels (${labels.slice(0, 6).join(', ')}${labels.length > 6 ? ' and so on' : ''}); a trial without spikes has no label`;
  return trials[0] && countSpikes(spikeTimes(trials[0])) === 0
    ? 'in order; trial 0 has no spikes, so if trials are numbered from 1, set spikes.relabel: true'
    : undefined;
}
