/** Reads the trials and the named intervals of a session. */

import { RecordingError } from '../recording/errors.js';
import { type Interval, MAX_OVERLAP } from '../recording/recording.js';
import { isBinEdge, lowerBound } from '../recording/spikes.js';
import type { Condition } from '../text/condition.js';
import { formatList, formatSeconds } from '../text/format.js';
import { checkKeptIndices } from './check-kept-indices.js';
import type { IntervalsSpec, TrialsSpec } from './description.js';
import { type DataFiles, isOneDimensional } from './files.js';
import type { LeftOut } from './left-out.js';
import { formatShape } from './reference.js';

/**
 * Reads intervals from arrays of their starts and stops.
 *
 * @param key the key of dataset.yaml that the intervals stand under, for messages.
 * @param start seconds on the files' clock at which the session starts.
 * @returns intervals in seconds on the session clock; NaN where the file has no value.
 * @throws RecordingError where there are not as many stops as starts.
 */
function readIntervals(
  key: string,
  { starts, stops, unit }: IntervalsSpec,
  files: DataFiles,
  start: number,
): Interval[] {
  const from = files.numbers(`${key}.starts`, starts);
  const to = files.numbers(`${key}.stops`, stops);
  if (from.length !== to.length)
    throw new RecordingError(`${key} has ${from.length} starts but ${to.length} stops.`);
  return Array.from(from, (time, n) => ({
    start: time * unit - start,
    stop: to[n]! * unit - start,
  }));
}

/**
 * Reads one entry of `intervals`. Intervals are cut to the recording; those without a start, an end
 * or a duration in it are left out.
 *
 * @param start seconds on the files' clock at which the session starts.
 * @param duration seconds of the recording.
 * @param note takes a sentence about how many were left out.
 */
export function readNamedIntervals(
  name: string,
  spec: IntervalsSpec,
  files: DataFiles,
  start: number,
  duration: number,
  note: (sentence: string) => void,
): Interval[] {
  const all = readIntervals(`intervals.${name}`, spec, files, start);
  const usable = all.flatMap(({ start: from, stop: to }) => {
    const cut = { start: Math.max(0, from), stop: Math.min(to, duration) };
    return Number.isFinite(to) && cut.stop > cut.start ? [cut] : [];
  });
  if (usable.length < all.length)
    note(
      `Intervals of ${name} without a start, an end or a duration within the recording are left out (${all.length - usable.length} of ${all.length}).`,
    );
  return usable;
}

/** When a trial took place, in seconds on the session clock. */
export interface TrialSpan extends Interval {
  /** The number that the user sees. */
  readonly id: number;
  /** The position of the trial in the file, from 0. */
  readonly index: number;
  /** What the trial showed, where the file says so. */
  readonly condition?: string;
}

/**
 * Reads when trials start and stop, from starts and stops or from the gaps of a clock.
 *
 * @param start seconds on the files' clock at which the session starts.
 * @param end session time of the last spike, at which a last trial without a stop ends.
 * @param columns values that conditions of `trials.keep` may name.
 * @param note takes sentences about trials that were left out or given an end.
 * @param leftOut takes trials that cannot be used. Default: they are errors.
 * @returns the trials that are used, and how many the file has.
 */
export function readTrials(
  spec: TrialsSpec,
  files: DataFiles,
  start: number,
  end: number,
  columns: TrialColumns,
  note: (sentence: string) => void,
  leftOut?: LeftOut,
): { spans: TrialSpan[]; count: number } {
  if (spec.duration !== undefined) {
    throw new RecordingError(
      'trials.duration is for trials with clocks of their own, but the spikes are on the session clock: give trials.stops.',
    );
  }
  const intervals = spec.gaps
    ? intervalsBetweenGaps(spec.gaps, files, start)
    : trialIntervals(spec, files, start);
  const spans = fillEnds(intervals, end, note).map((span, index) => ({ ...span, id: index }));
  const usable = usableTrials(spec, spans, spans.length, files, columns, note);
  const kept = leftOut ? leaveOutWrong(usable, start, spans.length, leftOut) : usable;
  const separate = spec.overlaps === 'cut' ? cutOverlaps(kept, note) : kept;
  return { spans: separate, count: spans.length };
}

/** Lets trials end where the next one starts; one that starts together with it is left out. */
function cutOverlaps(spans: readonly TrialSpan[], note: (sentence: string) => void): TrialSpan[] {
  const starts = spans.map(({ start }) => start).sort((p, q) => p - q);
  let [count, most] = [0, 0];
  const cut = spans.flatMap((span) => {
    const next = starts[lowerBound(starts, span.start) + 1] ?? Number.POSITIVE_INFINITY;
    const excess = span.stop - next;
    if (!(excess > MAX_OVERLAP)) return [span];
    count += 1;
    most = Math.max(most, excess);
    return next > span.start ? [{ ...span, stop: next }] : [];
  });
  if (count > 0)
    note(
      `Trials that overlap the next one end where it starts (${count} of ${spans.length}, by at most ${formatSeconds(most)}).`,
    );
  return cut;
}

/** Leaves out trials that stop before they start, or start before the session. */
function leaveOutWrong(
  spans: readonly TrialSpan[],
  sessionStart: number,
  count: number,
  leftOut: LeftOut,
): TrialSpan[] {
  const reasons: string[] = [];
  const kept = spans.filter(({ id, start, stop }) => {
    const [from, to] = [start, stop].map((time) => Number((time + sessionStart).toPrecision(9)));
    if (stop < start) reasons.push(`trial ${id} stops at ${to} s, before it starts at ${from} s`);
    else if (start < 0)
      reasons.push(`trial ${id} starts at ${from} s, before the session does at ${sessionStart} s`);
    else return true;
    return false;
  });
  leftOut.trials(
    reasons,
    kept.map(({ index }) => index),
    count,
  );
  return kept;
}

/**
 * Lets trials that start within a bin of spike counts start with the next one: a part of a bin
 * contains spikes from before the trial. Trials without a complete bin are left out.
 *
 * @param dt seconds per bin.
 * @param note takes sentences about trials that start later or were left out.
 */
export function alignToBins(
  spans: readonly TrialSpan[],
  dt: number,
  note: (sentence: string) => void,
): TrialSpan[] {
  let [movedCount, shortCount] = [0, 0];
  const aligned = spans.flatMap((span) => {
    if (!(span.start >= 0) || isBinEdge(span.start, dt)) return [span];
    const start = Math.ceil(span.start / dt) * dt;
    if (span.stop > span.start && span.stop <= start) {
      shortCount += 1;
      return [];
    }
    movedCount += 1;
    return [{ ...span, start }];
  });
  if (movedCount > 0)
    note(
      `Trials that start within a bin of the spike counts start with the next bin (${movedCount} of ${spans.length}).`,
    );
  if (shortCount > 0)
    note(
      `Trials without a complete bin of the spike counts are left out (${shortCount} of ${spans.length}).`,
    );
  return aligned;
}

/** Variables with one value for each trial of the file, by name. */
export type TrialColumns = ReadonlyMap<string, ArrayLike<number | string>>;

/**
 * Selects the trials of `trials.keep`, or else all that have a start and a duration, and gives them
 * the ids and conditions of the file.
 *
 * @param spans all trials of the file with their default ids.
 * @param count how many trials there should be.
 * @param columns values that conditions of `trials.keep` may name.
 * @param note takes a sentence about how many were left out.
 * @throws RecordingError where there are more or fewer starts, ids or conditions than trials, or a
 *   trial or a value to keep does not exist.
 */
export function usableTrials(
  { ids, conditions, condition: common, keep }: Partial<TrialsSpec> = {},
  spans: readonly (Interval & { id: number })[],
  count: number,
  files: DataFiles,
  columns: TrialColumns,
  note: (sentence: string) => void,
): TrialSpan[] {
  const checkLength = (key: string, values: ArrayLike<unknown>) => {
    if (values.length === count) return;
    throw new RecordingError(
      `${key} has ${values.length} values, but there are ${count} trials: give one value per trial.`,
    );
  };
  checkLength('trials.starts', spans);
  const fileIds = ids === undefined ? undefined : files.numbers('trials.ids', ids);
  if (fileIds) checkLength('trials.ids', fileIds);
  const shown = conditions === undefined ? undefined : readConditions(conditions, files);
  if (shown) checkLength('trials.conditions', shown);
  const all = spans.map((span, index): TrialSpan => {
    const condition = common ?? shown?.[index];
    const id = fileIds?.[index] ?? span.id;
    return { ...span, id, index, ...(condition !== undefined && { condition }) };
  });
  if (keep && 'indices' in keep)
    return checkKeptIndices(keep.indices, all.length, 'trials').map((index) => all[index]!);
  const usable = all.filter(({ start, stop }) => Number.isFinite(stop - start) && stop !== start);
  if (usable.length < all.length)
    note(
      `Trials without a start or a duration are left out (${all.length - usable.length} of ${all.length}).`,
    );
  if (!keep) return usable;
  const tests = keep.conditions.map((condition) => {
    const column = columns.get(condition.name);
    if (column) checkLength(`variables.${condition.name}`, column);
    const valueIn = column
      ? ({ index }: TrialSpan) => column[index]
      : TRIAL_VALUES.get(condition.name);
    if (!valueIn) throw unknownColumn(condition, columns);
    return (span: TrialSpan) => condition.holds(valueIn(span) ?? '');
  });
  const kept = usable.filter((span) => tests.every((holds) => holds(span)));
  const text = keep.conditions.map((condition) => condition.text).join(', ');
  if (kept.length === 0)
    throw new RecordingError(
      `trials.keep is ${text}, but none of the ${usable.length} trials fulfills that.`,
    );
  note(`trials.keep selects ${kept.length} of ${usable.length} trials, by ${text}.`);
  return kept;
}

/** What conditions may name beside variables. */
const TRIAL_VALUES = new Map<string, (span: TrialSpan) => number | string | undefined>([
  ['condition', ({ condition }) => condition],
  ['duration', ({ start, stop }) => stop - start],
]);

function unknownColumn({ name, text }: Condition, columns: TrialColumns): RecordingError {
  const names = [...columns.keys(), ...TRIAL_VALUES.keys()];
  return new RecordingError(
    `trials.keep is ${text}, but no variable ${name} has one value per trial: name one of ${formatList(names, 20)}.`,
  );
}

/**
 * Reads the condition of each trial, numbers as text; undefined where it is missing.
 *
 * @throws RecordingError where the array has several columns.
 */
function readConditions(reference: string, files: DataFiles): (string | undefined)[] {
  const values = files.values('trials.conditions', reference);
  if (!isOneDimensional(values.shape)) {
    throw new RecordingError(
      `trials.conditions should be a one-dimensional array with a number or a text for each trial, but ${formatShape(values)}.`,
    );
  }
  return Array.from<number | string, string | undefined>(values.data, (value) =>
    value === '' || Number.isNaN(value) ? undefined : `${value}`,
  );
}

/**
 * Reads the starts and stops of trials.
 *
 * @param start seconds on the files' clock at which the session starts.
 * @returns intervals in seconds on the session clock; `stop` is NaN where the description has no
 *   stops.
 * @throws RecordingError where the description has no starts, or another number of stops.
 */
export function trialIntervals(spec: TrialsSpec, files: DataFiles, start: number): Interval[] {
  const { starts, stops, unit, from, inclusive } = spec;
  if (starts === undefined)
    throw new RecordingError('trials should have starts, with or without stops, or gaps.');
  const origin = start + from * unit;
  if (stops === undefined) {
    return Array.from(files.numbers('trials.starts', starts), (time) => ({
      start: time * unit - origin,
      stop: Number.NaN,
    }));
  }
  return readIntervals('trials', { starts, stops, unit }, files, origin).map((span) => ({
    start: span.start,
    stop: span.stop + (inclusive ? unit : 0),
  }));
}

/** Lets each trial without an end last until the next one starts, and the last one until `end`. */
function fillEnds(
  spans: readonly Interval[],
  end: number,
  note: (sentence: string) => void,
): Interval[] {
  const openCount = spans.filter(({ stop }) => !Number.isFinite(stop)).length;
  if (openCount === 0) return [...spans];
  note(`Trials without an end last until the next one starts (${openCount} of ${spans.length}).`);
  return spans.map((span, n) => {
    if (Number.isFinite(span.stop)) return span;
    const next = spans.slice(n + 1).find((later) => Number.isFinite(later.start));
    return { ...span, stop: next?.start ?? Math.max(end, span.start) };
  });
}

/**
 * Splits the session wherever a clock steps by more than `above` seconds. What is before the
 * session start is cut off.
 */
function intervalsBetweenGaps(
  { clock, unit, above, dt, start: clockStart }: NonNullable<TrialsSpec['gaps']>,
  files: DataFiles,
  start: number,
): Interval[] {
  const times = files.numbers('trials.gaps.clock', clock);
  const sessionTime = (n: number) =>
    (dt === undefined ? times[n]! * unit : clockStart + n * dt) - start;
  const spans: Interval[] = [];
  let first = 0;
  for (let n = 1; n <= times.length; n++) {
    const isEnd = n === times.length;
    if (!isEnd && (times[n]! - times[n - 1]!) * unit <= above) continue;
    const last = n - 1;
    // The last sample lasts as long as the one before it.
    const step = dt ?? (last > first ? sessionTime(last) - sessionTime(last - 1) : 0);
    const stop = sessionTime(last) + step;
    if (stop > sessionTime(first))
      spans.push({ start: Math.max(0, sessionTime(first)), stop: Math.max(0, stop) });
    first = n;
  }
  return spans;
}
