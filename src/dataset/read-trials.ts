/** Trials and other stretches of time as files hold them. */

import { RecordingError } from '../recording/errors.js';
import type { Interval } from '../recording/recording.js';
import type { IntervalsSpec, TrialsSpec } from './description.js';
import type { Files } from './files.js';

/** Stretches by their starts and stops, seconds of a session that begins at `start` on the files' clock. */
export function readIntervals(
  key: string,
  { starts, stops, unit }: IntervalsSpec,
  files: Files,
  start: number,
): Interval[] {
  const from = files.numbers(`${key}.starts`, starts);
  const to = files.numbers(`${key}.stops`, stops);
  if (from.length !== to.length)
    throw new RecordingError(`${key} has ${from.length} starts, but ${to.length} stops.`);
  return Array.from(from, (time, n) => ({
    start: time * unit - start,
    stop: to[n]! * unit - start,
  }));
}

/** Named stretches within the recording of so many seconds; those without a start or an end, or outside of it, are left out, and it is said. */
export function readNamedIntervals(
  name: string,
  spec: IntervalsSpec,
  files: Files,
  start: number,
  duration: number,
  note: (sentence: string) => void,
): Interval[] {
  const all = readIntervals(`intervals.${name}`, spec, files, start);
  const usable = all.flatMap(({ start: from, stop: to }) => {
    const within = { start: Math.max(0, from), stop: Math.min(to, duration) };
    return Number.isFinite(to) && within.stop > within.start ? [within] : [];
  });
  if (usable.length < all.length)
    note(
      `${all.length - usable.length} of ${all.length} intervals of ${name} have no start, no end or no length within the recording; they are left out.`,
    );
  return usable;
}

/** A trial: seconds of the session, its number, and its place in the file. */
export interface Span extends Interval {
  readonly id: number;
  readonly place: number;
}

/**
 * Where trials begin and end: those that are used, and how many the files have.
 *
 * @param end seconds of the session's last spike: a last trial without an end goes so far.
 * @param note takes sentences about what was made of them.
 */
export function readTrials(
  spec: TrialsSpec,
  files: Files,
  start: number,
  end: number,
  note: (sentence: string) => void,
): { spans: Span[]; count: number } {
  const found = spec.gaps
    ? spansBetween(spec.gaps, files, start)
    : trialIntervals(spec, files, start);
  const named = withEnds(found, end, note).map((span, place) => ({ ...span, id: place }));
  return { spans: usableTrials(spec, named, found.length, files, note), count: found.length };
}

/**
 * The trials that are kept, or else all that have a start and a length, by the numbers the files give them.
 *
 * @param count how many there should be.
 */
export function usableTrials(
  { ids, keep }: Partial<TrialsSpec> = {},
  spans: readonly (Interval & { id: number })[],
  count: number,
  files: Files,
  note: (sentence: string) => void,
): Span[] {
  const check = (key: 'ids' | 'starts', values: ArrayLike<unknown>) => {
    if (values.length === count) return;
    throw new RecordingError(
      `trials.${key} has ${values.length} values, but there are ${count} trials.`,
    );
  };
  check('starts', spans);
  const numbers = ids === undefined ? undefined : files.numbers('trials.ids', ids);
  if (numbers) check('ids', numbers);
  const named = spans.map((span, place) => ({ ...span, id: numbers?.[place] ?? span.id, place }));
  if (keep) return keptIndices(keep, named.length).map((place) => named[place]!);
  const whole = named.filter(({ start, stop }) => Number.isFinite(stop - start) && stop !== start);
  if (whole.length < named.length)
    note(
      `${named.length - whole.length} of ${named.length} trials have no start or no length; they are left out.`,
    );
  return whole;
}

/** Trials by their starts and stops; without stops none has an end yet. */
export function trialIntervals(spec: TrialsSpec, files: Files, start: number): Interval[] {
  const { starts, stops, unit, from, inclusive } = spec;
  if (starts === undefined)
    throw new RecordingError('trials should have starts and stops, or gaps of a clock.');
  const shift = start + from * unit;
  if (stops === undefined) {
    return Array.from(files.numbers('trials.starts', starts), (time) => ({
      start: time * unit - shift,
      stop: Number.NaN,
    }));
  }
  return readIntervals('trials', { starts, stops, unit }, files, shift).map((span) => ({
    start: span.start,
    stop: span.stop + (inclusive ? unit : 0),
  }));
}

/** A trial whose end nobody wrote down lasts until the next begins. */
function withEnds(
  spans: readonly Interval[],
  end: number,
  note: (sentence: string) => void,
): Interval[] {
  const open = spans.filter(({ stop }) => !Number.isFinite(stop)).length;
  if (open === 0) return [...spans];
  note(`${open} of ${spans.length} trials have no end: they last until the next one begins.`);
  return spans.map((span, n) => {
    if (Number.isFinite(span.stop)) return span;
    const next = spans.slice(n + 1).find((later) => Number.isFinite(later.start));
    return { ...span, stop: next?.start ?? Math.max(end, span.start) };
  });
}

/** @throws RecordingError where there is no such place. */
export function keptIndices(
  keep: readonly number[],
  count: number,
  of: 'trials' | 'neurons' = 'trials',
): readonly number[] {
  const wrong = keep.find((place) => place >= count);
  if (wrong === undefined) return keep;
  const key = of === 'trials' ? 'trials.keep' : 'spikes.keep';
  throw new RecordingError(
    `${key} names place ${wrong}, but there are ${count} ${of}, from place 0 on.`,
  );
}

/** What lies between the places where a clock jumps. */
function spansBetween(
  { clock, unit, above, dt }: NonNullable<TrialsSpec['gaps']>,
  files: Files,
  start: number,
): Interval[] {
  const times = files.numbers('trials.gaps.clock', clock);
  const at = (n: number) => (dt === undefined ? times[n]! * unit - start : n * dt);
  const spans: Interval[] = [];
  let first = 0;
  for (let n = 1; n <= times.length; n++) {
    const ends = n === times.length;
    if (!ends && (times[n]! - times[n - 1]!) * unit <= above) continue;
    // The last place lasts as long as the one before it.
    const step = dt ?? (n - 1 > first ? at(n - 1) - at(n - 2) : 0);
    if (at(n - 1) + step > at(first)) spans.push({ start: at(first), stop: at(n - 1) + step });
    first = n;
  }
  return spans;
}
