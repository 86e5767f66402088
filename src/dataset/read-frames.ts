/** Reads the frames of a dataset: pixels from a file, or features of the time in each trial. */

import { RecordingError } from '../recording/errors.js';
import type { Recording, Video } from '../recording/recording.js';
import type { FramesSpec } from './description.js';
import type { DataFiles } from './files.js';
import { formatShape } from './reference.js';

/**
 * Reads a video on the session clock.
 *
 * @param reference to its pixels, `frames.data`.
 * @param start seconds on the files' clock at which the session starts.
 * @throws RecordingError where the frames are not a numeric array of three axes.
 */
export function readVideo(
  reference: string,
  { dt, scale, offset, start: clockStart }: FramesSpec,
  files: DataFiles,
  start: number,
): Video {
  const values = files.values('frames.data', reference);
  const { data, shape } = values;
  if (shape.length !== 3 || Array.isArray(data)) {
    throw new RecordingError(
      `frames.data should be a numeric array of [frames, height, width], but ${formatShape(values)}.`,
    );
  }
  const [count, height, width] = shape as [number, number, number];
  const isPixelType = data instanceof Uint8Array || data instanceof Float32Array;
  const isScaled = scale !== 1 || offset !== 0;
  return {
    data:
      isPixelType && !isScaled ? data : Float32Array.from(data, (value) => value * scale + offset),
    count,
    height,
    width,
    dt,
    start: clockStart - start,
  };
}

type Sequence = NonNullable<FramesSpec['sequence']>;

/**
 * Gives all trials the frames of `frames.sequence`, as one video that they share and that is as
 * long as the longest trial, and the variable that says which epoch is shown, if it has a name.
 *
 * @param trialClockStart seconds on the trials' own clocks at which they begin.
 * @param note takes a sentence where the longest trial ends within an epoch.
 * @throws RecordingError where the longest trial ends before the sequence begins, or that variable
 *   exists already.
 */
export function withSequence(
  recording: Recording,
  sequence: Sequence,
  { dt, start: clockStart }: FramesSpec,
  trialClockStart: number,
  note: (sentence: string) => void,
): Recording {
  const start = clockStart - trialClockStart;
  const longest = recording.trials.reduce((max, { duration }) => Math.max(max, duration), 0);
  const shown = longest - start;
  const count = Math.round(shown / dt);
  if (count < 1) {
    throw new RecordingError(
      `The sequence of frames begins ${formatSeconds(start)} s after the beginning of a trial, but the longest trial lasts ${formatSeconds(longest)} s: set frames.start to where it begins on the clock of the trials.`,
    );
  }
  const { epoch } = sequence;
  const epochs = epochAt(count - 1, dt, epoch) + 1;
  const missing = epochs * epoch - shown;
  if (missing > dt / 2) {
    note(
      `The longest trial shows ${formatSeconds(shown)} s of frames.sequence, which ends within an epoch of ${epoch} s: its last ${formatSeconds(epoch - missing)} s count as an epoch of their own.`,
    );
  }
  const data = sequenceFeatures(sequence, dt, count, epochs);
  const video: Video = { data, count, height: 1, width: data.length / count, dt, start };
  const { label } = sequence;
  if (label !== undefined && recording.trials.some(({ variables }) => label in variables))
    throw new RecordingError(
      `frames.sequence.label is ${label}, but there is a variable of that name: choose another.`,
    );
  const values = Array.from({ length: count }, (_, frame) => `${epochAt(frame, dt, epoch) + 1}`);
  const added = label === undefined ? {} : { [label]: { values, dt, start } };
  return {
    ...recording,
    trials: recording.trials.map((trial) => ({
      ...trial,
      video,
      variables: { ...trial.variables, ...added },
    })),
  };
}

/** A number of seconds in the words of a message, to the millisecond. */
function formatSeconds(seconds: number): string {
  return `${Number(seconds.toFixed(3))}`;
}

/** The middle of a frame, in seconds from the start of the sequence. */
function frameMiddle(frame: number, dt: number): number {
  return (frame + 0.5) * dt;
}

/** The epoch, counted from 0, that the middle of a frame is in. */
function epochAt(frame: number, dt: number, epoch: number): number {
  return Math.floor(frameMiddle(frame, dt) / epoch + 1e-9);
}

/**
 * Features of the time in a sequence of E epochs, at the middle of each frame: 1 in its epoch and 0
 * in others [E]; raised cosines, K of them over the time in an epoch [K]; and the product of each
 * with each [E * K]. What is linear in them can have a time course of its own in every epoch, and
 * share what all epochs have in common.
 *
 *   bump_k(t) = (1 + cos(pi (t - k step) / step)) / 2 within one step of its center, else 0
 *
 * Bumps are centered at 0, step, 2 step and so on up to the epoch's end. Together they are 1 up to
 * the last center.
 *
 * @returns [frames, E + K + E * K]
 */
function sequenceFeatures(
  { epoch, step }: Sequence,
  dt: number,
  frames: number,
  epochs: number,
): Float32Array {
  const bumps = Math.floor(epoch / step + 1e-9) + 1;
  const width = epochs + bumps + epochs * bumps;
  const features = new Float32Array(frames * width);
  for (let frame = 0; frame < frames; frame++) {
    const current = epochAt(frame, dt, epoch);
    const time = frameMiddle(frame, dt) - current * epoch;
    const row = features.subarray(frame * width, (frame + 1) * width);
    row[current] = 1;
    for (let k = 0; k < bumps; k++) {
      const steps = time / step - k;
      const bump = Math.abs(steps) < 1 ? (1 + Math.cos(Math.PI * steps)) / 2 : 0;
      row[epochs + k] = bump;
      row[epochs + bumps + current * bumps + k] = bump;
    }
  }
  return features;
}
