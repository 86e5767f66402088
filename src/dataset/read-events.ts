/**
 * Reads the times of events, such as licks, and counts them in bins: a variable that is the rate of
 * the events.
 */

import { joined } from '../math/vectors.js';
import { RecordingError } from '../recording/errors.js';
import type { Series, Trial } from '../recording/recording.js';
import { lowerBound, MAX_BINS } from '../recording/spikes.js';
import { formatCount, formatDuration, formatSeconds } from '../text/format.js';
import type { Description, EventsSpec } from './description.js';
import { type DataFiles, isOneDimensional } from './files.js';
import { readTrialLists } from './ragged.js';
import { type ArrayValues, formatShape } from './reference.js';

/** The share of a bin by which rounding may put a time before the edge that it should be on. */
const EDGE_TOLERANCE = 1e-6;

/** Ascending times of events in seconds: of a session on its clock, or of each trial on its own. */
export type Events =
  | { readonly session: Float64Array }
  | {
      readonly trials: readonly (Float64Array | undefined)[];
      /** Whether each trial has a single time, as values of one list. */
      readonly areSingle: boolean;
    };

/**
 * Reads the events of a variable.
 *
 * @param key the key of dataset.yaml that the variable stands under.
 * @param clockStarts seconds on the files' clock at which the session begins, and on the clocks of
 *   trials at which they do.
 * @param note takes a sentence about times that are no events.
 * @throws RecordingError where times are not numbers, or nothing says which clock those of trials
 *   are on.
 */
export function readEvents(
  key: string,
  spec: EventsSpec,
  files: DataFiles,
  clockStarts: { readonly session: number; readonly trial: number },
  note: (sentence: string) => void,
): Events {
  const { lists, areOfTrials } = readLists(key, spec, files);
  const perTrial = spec.per_trial ?? (spec.ends === undefined ? undefined : true);
  if (areOfTrials && perTrial === undefined)
    throw new RecordingError(
      `${key}.events has a list of times for each trial, and nothing says where they count from. Set ${key}.per_trial: true if that is the beginning of each trial, or ${key}.per_trial: false if they are on the clock of the files.`,
    );
  const clock = {
    unit: spec.time_unit,
    start: spec.start - (perTrial ? clockStarts.trial : clockStarts.session),
  };
  // A single list of times that count from the beginning of trials has one for each of them.
  const areSingle = perTrial === true && !areOfTrials;
  const owned = areSingle ? Array.from(lists[0]!, (time) => [time]) : lists;
  const times = owned.map((list) => list && toSeconds(key, list, clock, spec.padding));
  const total = owned.reduce((sum, list) => sum + (list?.length ?? 0), 0);
  const events = times.reduce((sum, list) => sum + (list?.length ?? 0), 0);
  if (events < total && spec.padding === undefined)
    note(
      `Times of ${key}.events that are NaN stand for no event (${formatCount(total - events)} of ${formatCount(total)}).`,
    );
  if (perTrial) return { trials: times, areSingle };
  return { session: joined(times.filter((list) => list !== undefined)).sort() };
}

/** The times of a variable as the file has them: one list, or one for each trial. */
function readLists(
  key: string,
  { events, ends }: EventsSpec,
  files: DataFiles,
): { lists: readonly (ArrayLike<number> | undefined)[]; areOfTrials: boolean } {
  const numbersOf = (values: ArrayValues): ArrayLike<number> => {
    if (!Array.isArray(values.data)) return values.data;
    throw new RecordingError(
      `${key}.events should be numbers, which are times, but ${formatShape(values)}.`,
    );
  };
  if (files.isPattern(events)) {
    const arrays = files.arrays(`${key}.events`, events);
    return { lists: arrays.map((values) => values && numbersOf(values)), areOfTrials: true };
  }
  if (ends !== undefined) {
    const lists = readTrialLists(key, 'events', { array: events, ends }, files);
    return { lists: lists.map(numbersOf), areOfTrials: true };
  }
  const values = files.values(`${key}.events`, events);
  if (values.data.length === 0) return { lists: [[]], areOfTrials: false };
  if (isOneDimensional(values.shape))
    return { lists: [files.numbers(`${key}.events`, events)], areOfTrials: false };
  const data = Array.from(numbersOf(values));
  const width = data.length / values.shape[0]!;
  const rows = Array.from({ length: values.shape[0]! }, (_, n) =>
    data.slice(n * width, (n + 1) * width),
  );
  return { lists: rows, areOfTrials: true };
}

/**
 * The times that are events, in seconds and ascending.
 *
 * @param clock seconds per unit, and what to add.
 * @throws RecordingError where a time is infinite.
 */
function toSeconds(
  key: string,
  list: ArrayLike<number>,
  clock: { readonly unit: number; readonly start: number },
  padding: number | undefined,
): Float64Array {
  const isEvent = (time: number) => !Number.isNaN(time) && time !== padding;
  const times = Float64Array.from(list).filter(isEvent);
  const infinite = times.find((time) => !Number.isFinite(time));
  if (infinite !== undefined)
    throw new RecordingError(
      `${key}.events has a time of ${infinite}, but times should be finite; NaN stands for no event.`,
    );
  return times.map((time) => time * clock.unit + clock.start).sort();
}

/**
 * Checks that a bin of every variable that counts events fits into a trial.
 *
 * @throws RecordingError naming the variable whose bins are longer than all trials.
 */
export function checkEventBins(
  variables: Description['variables'],
  trials: readonly Pick<Trial, 'duration'>[],
): void {
  const longest = trials.reduce((max, { duration }) => Math.max(max, duration), 0);
  for (const [name, { events, dt = 0 }] of Object.entries(variables))
    if (events !== undefined && binsIn(longest, dt) < 1)
      throw new RecordingError(
        `variables.${name}.dt is ${dt} s, but the longest trial lasts ${formatSeconds(longest)}: set a shorter one.`,
      );
}

/** How many bins end within a trial. */
function binsIn(duration: number, dt: number): number {
  return Math.floor(duration / dt + EDGE_TOLERANCE);
}

/**
 * The rate of events in a trial, in Hz x scale + offset: how many there are in each bin that ends
 * within the trial, divided by the width of the bin.
 *
 * @param times seconds, ascending.
 * @param trial when it starts on the clock of the times, and its seconds.
 * @returns undefined where the trial is shorter than a bin.
 * @throws RecordingError where there are more bins than memory has room for.
 */
export function eventRate(
  key: string,
  times: Float64Array,
  { start, duration }: Pick<Trial, 'start' | 'duration'>,
  { scale, offset }: EventsSpec,
  dt: number,
): Series | undefined {
  const bins = binsIn(duration, dt);
  if (bins > MAX_BINS)
    throw new RecordingError(
      `${key} would have ${formatCount(bins)} bins of ${dt} s in a trial of ${formatDuration(duration)}: give it a larger dt, or set time_unit if its times are not in seconds.`,
    );
  if (bins < 1) return undefined;
  const values = new Float64Array(bins);
  for (let n = lowerBound(times, start - EDGE_TOLERANCE * dt); n < times.length; n++) {
    const bin = Math.floor((times[n]! - start) / dt + EDGE_TOLERANCE);
    if (bin >= bins) break;
    values[bin]! += 1;
  }
  return { values: values.map((count) => (count / dt) * scale + offset), dt };
}
