/** The original's data dictionary: arrays by well-known keys, as its scripts put them together. */

import { RecordingError } from './errors.js';
import {
  assembleRecording,
  type Recording,
  type Trial,
  type Variable,
  type Video,
} from './recording.js';
import type { WindowRef } from './windows.js';

/** Frames as one array: [frames, height, width], or [videos, frames, height, width] where trials show different videos. */
export interface FrameArray {
  readonly data: Float32Array | Uint8Array;
  readonly shape: readonly number[];
}

/** Picks a window's frames: `count` of them before frame number `end`, row-major. */
export type FrameCallback = (
  frames: FrameArray,
  end: number,
  count: number,
  options: { trial: number },
) => Float32Array;

/** Counts of neurons and bins. */
type Counts = readonly ArrayLike<number>[];

/** The end of a window in seconds, alone or with the number of its trial. */
export type DictionaryInterval = number | readonly [end: number, trial: number];

export interface DataDictionary {
  /** One matrix, or one for each trial number. */
  readonly spikes: Counts | Readonly<Record<number, Counts>>;
  readonly frames?: FrameArray;
  /** Numbers or labels by name: one series, or one for each trial number. */
  readonly behavior?: Readonly<
    Record<string, Variable['values'] | Readonly<Record<number, Variable['values']>>>
  >;
  readonly intervals?: readonly DictionaryInterval[];
  readonly train_intervals?: readonly DictionaryInterval[];
  readonly test_intervals?: readonly DictionaryInterval[];
  readonly finetune_intervals?: readonly DictionaryInterval[];
  readonly callback?: FrameCallback;
}

/** Seconds per bin of spikes, per frame, and per sample of each variable. */
export interface DictionarySteps {
  readonly dt: number;
  readonly frames?: number;
  readonly behavior?: number | Readonly<Record<string, number>>;
}

/** A recording, and the windows the dictionary names. */
export interface TrialDictionary {
  readonly recording: Recording;
  readonly intervals: Readonly<Record<'all' | 'train' | 'test' | 'finetune', readonly WindowRef[]>>;
}

/**
 * Maps a data dictionary onto a recording.
 *
 * @throws RecordingError naming the key that does not fit.
 */
export function fromDataDictionary(
  data: DataDictionary,
  steps: DictionarySteps,
  name = 'recording',
): TrialDictionary {
  const perTrial = !Array.isArray(data.spikes);
  const matrices = perTrial
    ? Object.entries(data.spikes as Record<number, Counts>)
    : [['0', data.spikes as Counts] as const];
  const video = data.frames && trialVideo(data.frames, steps.frames, data.callback);
  const trials = matrices.map(([key, counts]): Trial => {
    const id = Number(key);
    return {
      id,
      start: 0,
      duration: steps.dt * (counts[0]?.length ?? 0),
      spikes: { counts, dt: steps.dt },
      ...(video && { video }),
      variables: trialVariables(data.behavior ?? {}, steps, perTrial ? id : undefined),
    };
  });
  const recording = assembleRecording(name, trials);
  const refs = (key: keyof DataDictionary, list: readonly DictionaryInterval[] = []) =>
    list.map((entry) => windowRef(entry, String(key), trials));
  return {
    recording,
    intervals: {
      all: refs('intervals', data.intervals),
      train: refs('train_intervals', data.train_intervals),
      test: refs('test_intervals', data.test_intervals),
      finetune: refs('finetune_intervals', data.finetune_intervals),
    },
  };
}

function windowRef(entry: DictionaryInterval, key: string, trials: readonly Trial[]): WindowRef {
  const [end, id] = typeof entry === 'number' ? [entry, trials[0]!.id] : entry;
  const trialIndex = trials.findIndex((candidate) => candidate.id === id);
  if (trialIndex < 0)
    throw new RecordingError(`${key} names trial ${id}, which spikes does not have.`);
  return { trialIndex, end };
}

function trialVariables(
  behavior: NonNullable<DataDictionary['behavior']>,
  { behavior: step }: DictionarySteps,
  trial: number | undefined,
): Record<string, Variable> {
  return Object.fromEntries(
    Object.entries(behavior).map(([name, given]) => {
      const dt = typeof step === 'object' ? step[name] : step;
      if (dt === undefined)
        throw new RecordingError(`Nobody says how many seconds a sample of ${name} lasts.`);
      const isSeries = 'length' in given;
      if (isSeries) return [name, { values: given as Variable['values'], dt }];
      const own = trial === undefined ? undefined : given[trial];
      if (!own) throw new RecordingError(`${name} has no samples for trial ${trial ?? 0}.`);
      return [name, { values: own, dt }];
    }),
  );
}

function trialVideo(
  frames: FrameArray,
  dt: number | undefined,
  callback: FrameCallback | undefined,
): Video {
  if (dt === undefined) throw new RecordingError('Nobody says how many seconds a frame lasts.');
  const { data, shape } = frames;
  if (shape.length !== 3 && !(shape.length === 4 && callback)) {
    throw new RecordingError(
      `frames should be [frames, height, width], or with a callback [videos, frames, height, width], but is [${shape.join(', ')}].`,
    );
  }
  const [height, width] = shape.slice(-2) as [number, number];
  const count = shape.slice(0, -2).reduce((product, n) => product * n, 1);
  const choose: Video['choose'] =
    callback && ((_, end, wanted, trial) => callback(frames, end, wanted, { trial }));
  return { data, count, height, width, dt, ...(choose && { choose }) };
}
