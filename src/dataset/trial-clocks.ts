/**
 * Finds when trials with clocks of their own took place in the session, and cuts their spikes to
 * their duration.
 */

import { RecordingError } from '../recording/errors.js';
import { checkNoOverlap, type Interval } from '../recording/recording.js';
import { countSpikes, cutSpikes, type Spikes, spikesEnd, spikeTimes } from '../recording/spikes.js';
import { formatCount } from '../text/format.js';
import type { Description, TrialsSpec } from './description.js';
import type { DataFiles } from './files.js';
import { type TrialColumns, type TrialSpan, trialIntervals, usableTrials } from './read-trials.js';
import type { TrialSpikes } from './spike-clocks.js';

/** A trial with its spikes, whose times are in seconds from the beginning of the trial. */
export interface TrialSegment extends TrialSpan {
  readonly spikes: Spikes;
}

/**
 * Places trials with clocks of their own on the session clock. Without starts or stops they follow
 * one another, each as long as the longest. Ids are the labels of the trials where all labels are
 * whole numbers, else indices.
 *
 * @param columns values that conditions of `trials.keep` may name.
 * @param note takes sentences about trials and spikes that were left out.
 * @throws RecordingError where the number of starts differs from that of trials, a trial ends
 *   before it starts, or trials overlap.
 */
export function readTrialSegments(
  description: Description,
  { trials, labels }: TrialSpikes,
  files: DataFiles,
  columns: TrialColumns,
  note: (sentence: string) => void,
): TrialSegment[] {
  const { trials: spec } = description;
  if (spec?.gaps) {
    throw new RecordingError(
      'trials.gaps splits a session, but the spikes are on the clocks of their trials: give trials.starts, or leave it out.',
    );
  }
  const labelsAreIds = labels?.map(Number).every((label) => Number.isInteger(label));
  const spans = sessionSpans(description, trials, files).map((span, index) => ({
    ...span,
    id: labelsAreIds ? Number(labels![index]) : index,
  }));
  const usable = usableTrials(spec, spans, trials.length, files, columns, note);
  for (const { id, start, stop } of usable) {
    if (stop > start) continue;
    throw new RecordingError(
      `Trial ${id} runs from ${start} to ${stop} s of the session: trials.starts and trials.stops should both be on the session clock, and each trial should stop after it starts.`,
    );
  }
  if (hasSessionTimes(spec))
    checkNoOverlap(usable.map((span) => ({ ...span, duration: span.stop - span.start })));
  const segments = usable.map((span) => ({
    ...span,
    // The tolerance keeps a last spike that rounding puts at the end of the trial.
    spikes: cutSpikes(trials[span.index]!, 0, span.stop - span.start + 1e-6),
  }));
  noteLostSpikes(segments, trials, note);
  return segments;
}

/** Whether the description says when trials took place. */
function hasSessionTimes(spec: Description['trials']): spec is TrialsSpec {
  return spec?.starts !== undefined || spec?.stops !== undefined;
}

/**
 * The interval of each trial on the session clock. A trial without a stop lasts as long as the
 * longest, or until the next one starts.
 */
function sessionSpans(
  { trials: spec, spikes: { start: trialClockStart }, start: sessionStart }: Description,
  trials: readonly Spikes[],
  files: DataFiles,
): Interval[] {
  const longest = spec?.duration ?? trials.map(spikesEnd).reduce((a, b) => Math.max(a, b), 0);
  if (!hasSessionTimes(spec))
    return trials.map((_, n) => ({ start: n * longest, stop: (n + 1) * longest }));
  // The description gives as a start the time at which the trial's clock is at 0; the trial begins
  // at `trialClockStart` on it.
  const spans = trialIntervals(spec, files, sessionStart).map((span) => ({
    ...span,
    start: span.start + trialClockStart,
  }));
  const starts = spans.map((span) => span.start).sort((p, q) => p - q);
  return spans.map((span) => {
    if (spec.duration !== undefined) return { ...span, stop: span.start + longest };
    if (Number.isFinite(span.stop)) return span;
    const next = starts.find((other) => other > span.start) ?? Number.POSITIVE_INFINITY;
    return { ...span, stop: Math.min(span.start + longest, next) };
  });
}

/** Notes spikes after the end of their trial, which no model will read. */
function noteLostSpikes(
  segments: readonly TrialSegment[],
  trials: readonly Spikes[],
  note: (sentence: string) => void,
): void {
  const count = (spikes: Spikes) => countSpikes(spikeTimes(spikes));
  const total = segments.reduce((sum, { index }) => sum + count(trials[index]!), 0);
  const kept = segments.reduce((sum, { spikes }) => sum + count(spikes), 0);
  if (kept < total)
    note(
      `Spikes after the end of their trial are left out (${formatCount(total - kept)} of ${formatCount(total)}).`,
    );
}
