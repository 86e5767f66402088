/** Trials and other stretches of time as files hold them. */

import type { IntervalsGiven, TrialsGiven } from './description.js';
import { RecordingError } from './errors.js';
import type { Files } from './files.js';
import type { Interval } from './recording.js';

/** Stretches by their starts and stops, seconds of a session that begins at `start` on the files' clock. */
export function readIntervals(
  key: string,
  { starts, stops, unit }: IntervalsGiven,
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

/** A trial as a file has it: seconds of the session, and its number. */
type Span = Interval & { readonly id?: number };

/**
 * Where trials begin and end.
 *
 * @param end seconds of the session's last spike: a last trial without an end goes so far.
 * @param note takes sentences about what was made of them.
 */
export function readTrials(
  given: TrialsGiven,
  files: Files,
  start: number,
  end: number,
  note: (sentence: string) => void,
): Span[] {
  const { starts, stops, ids, unit, from, inclusive, gaps } = given;
  if (gaps) return spansBetween(gaps, files, start);
  if (starts === undefined)
    throw new RecordingError('trials should have starts and stops, or gaps of a clock.');
  const shift = start + from * unit;
  const spans =
    stops === undefined
      ? Array.from(files.numbers('trials.starts', starts), (time) => ({
          start: time * unit - shift,
          stop: Number.NaN,
        }))
      : readIntervals('trials', { starts, stops, unit }, files, shift);
  const numbers = ids === undefined ? undefined : files.numbers('trials.ids', ids);
  if (numbers && numbers.length !== spans.length) {
    throw new RecordingError(
      `trials.ids has ${numbers.length} values, but there are ${spans.length} trials.`,
    );
  }
  const named = spans.map((span, n) => ({
    start: span.start,
    stop: span.stop + (inclusive ? unit : 0),
    id: numbers?.[n] ?? n,
  }));
  return kept(withEnds(named, end, note), given.keep);
}

/** A trial whose end nobody wrote down lasts until the next begins. */
function withEnds(spans: readonly Span[], end: number, note: (sentence: string) => void): Span[] {
  const open = spans.filter(({ stop }) => !Number.isFinite(stop)).length;
  if (open === 0) return [...spans];
  note(`${open} of ${spans.length} trials have no end: they last until the next one begins.`);
  return spans.map((span, n) => {
    if (Number.isFinite(span.stop)) return span;
    const next = spans[n + 1]?.start ?? Math.max(end, span.start);
    return { ...span, stop: next };
  });
}

function kept(spans: readonly Span[], keep: readonly number[] | undefined): Span[] {
  // A last trial after the last spike is empty: nothing of it was recorded.
  if (!keep) return spans.filter(({ start, stop }) => !(stop === start));
  return keep.map((place) => {
    const span = spans[place];
    if (span) return span;
    throw new RecordingError(
      `trials.keep names place ${place}, but there are ${spans.length} trials, from place 0 on.`,
    );
  });
}

/** What lies between the places where a clock jumps. */
function spansBetween(
  { clock, unit, above, dt }: NonNullable<TrialsGiven['gaps']>,
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
