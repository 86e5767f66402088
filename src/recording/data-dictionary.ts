/**
 * The data dictionary of the original Neuroformer: arrays under well-known keys, as its scripts
 * assemble them.
 */

import { RecordingError } from './errors.js';
import {
  assembleRecording,
  type Recording,
  type Trial,
  type Variable,
  type Video,
} from './recording.js';
import type { WindowRef } from './windows.js';

/**
 * Frames as one array: [frames, height, width], or [videos, frames, height, width] if trials show
 * different videos.
 */
export interface FrameArray {
  /** Pixels, row-major. */
  readonly data: Float32Array | Uint8Array;
  /** [frames, height, width] or [videos, frames, height, width] */
  readonly shape: readonly number[];
}

/**
 * Selects the frames of one window.
 *
 * @param end index of the frame after the last one that the window may show
 * @param count how many frames to return
 * @param options.trial id of the window's trial
 * @returns `count` frames, row-major
 */
export type FrameCallback = (
  frames: FrameArray,
  end: number,
  count: number,
  options: { trial: number },
) => Float32Array;

/** Spike counts, [neurons][bins]. */
export type CountMatrix = readonly ArrayLike<number>[];

/** The end of a window in seconds, either alone or with the id of its trial. */
export type DictionaryInterval = number | readonly [end: number, trial: number];

/**
 * The arrays of one recording under the original's keys. `DictionarySteps` gives their time steps.
 */
export interface DataDictionary {
  /** Spike counts [neurons][bins]: one matrix, or one per trial id. */
  readonly spikes: CountMatrix | Readonly<Record<number, CountMatrix>>;
  /** The video shown. Each trial's clock starts with its first frame. */
  readonly frames?: FrameArray;
  /** Numbers or labels by variable name: one series, or one per trial id. */
  readonly behavior?: Readonly<
    Record<string, Variable['values'] | Readonly<Record<number, Variable['values']>>>
  >;
  /** Ends of all windows. */
  readonly intervals?: readonly DictionaryInterval[];
  /** Ends of the training windows. */
  readonly train_intervals?: readonly DictionaryInterval[];
  /** Ends of the test windows. */
  readonly test_intervals?: readonly DictionaryInterval[];
  /** Ends of the windows for finetuning. */
  readonly finetune_intervals?: readonly DictionaryInterval[];
  /** Selects the frames of each window. Required if `frames` holds several videos. */
  readonly callback?: FrameCallback;
}

/** Time steps of the arrays in a data dictionary, in seconds. */
export interface DictionarySteps {
  /** Seconds per bin of spike counts. */
  readonly dt: number;
  /** Seconds per frame. Required if there are frames. */
  readonly frames?: number;
  /** Seconds per sample: one step for all variables, or one per variable name. */
  readonly behavior?: number | Readonly<Record<string, number>>;
}

/** The recording in a data dictionary, and the windows that the dictionary lists. */
export interface DictionaryRecording {
  /** It has one trial per spike matrix. */
  readonly recording: Recording;
  /** Windows by the key they are listed under; empty for keys that the dictionary lacks. */
  readonly intervals: Readonly<Record<'all' | 'train' | 'test' | 'finetune', readonly WindowRef[]>>;
}

/**
 * Converts a data dictionary of the original into a recording.
 *
 * @param name of the recording, for messages
 * @throws RecordingError naming the key whose data do not fit
 */
export function fromDataDictionary(
  data: DataDictionary,
  steps: DictionarySteps,
  name = 'recording',
): DictionaryRecording {
  const perTrial = !Array.isArray(data.spikes);
  const matrices = perTrial
    ? Object.entries(data.spikes as Record<number, CountMatrix>)
    : [['0', data.spikes as CountMatrix] as const];
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
  const [end, trialId] = typeof entry === 'number' ? [entry, trials[0]!.id] : entry;
  const trialIndex = trials.findIndex(({ id }) => id === trialId);
  if (trialIndex < 0)
    throw new RecordingError(`${key} refers to trial ${trialId}, but spikes has no such trial.`);
  return { trialIndex, end };
}

/** @param trialId undefined if the dictionary has no trials */
function trialVariables(
  behavior: NonNullable<DataDictionary['behavior']>,
  { behavior: steps }: DictionarySteps,
  trialId: number | undefined,
): Record<string, Variable> {
  return Object.fromEntries(
    Object.entries(behavior).map(([name, data]) => {
      const dt = typeof steps === 'object' ? steps[name] : steps;
      if (dt === undefined)
        throw new RecordingError(
          `The time step of ${name} is not given: steps.behavior should give its seconds per sample.`,
        );
      const isSeries = 'length' in data;
      if (isSeries) return [name, { values: data as Variable['values'], dt }];
      const values = trialId === undefined ? undefined : data[trialId];
      if (!values) throw new RecordingError(`${name} has no samples for trial ${trialId ?? 0}.`);
      return [name, { values, dt }];
    }),
  );
}

function trialVideo(
  frames: FrameArray,
  dt: number | undefined,
  callback: FrameCallback | undefined,
): Video {
  if (dt === undefined)
    throw new RecordingError(
      'The time step of the frames is not given: steps.frames should give the seconds per frame.',
    );
  const { data, shape } = frames;
  if (shape.length !== 3 && !(shape.length === 4 && callback)) {
    throw new RecordingError(
      `frames should be [frames, height, width], or [videos, frames, height, width] with a callback, but is [${shape.join(', ')}].`,
    );
  }
  const [height, width] = shape.slice(-2) as [number, number];
  const count = shape.slice(0, -2).reduce((product, n) => product * n, 1);
  const choose: Video['choose'] =
    callback && ((_, end, frameCount, trial) => callback(frames, end, frameCount, { trial }));
  return { data, count, height, width, dt, ...(choose && { choose }) };
}
