/** Trials whose spikes come with a clock for each: when they were in the session, and how long they lasted. */

import { RecordingError } from '../recording/errors.js';
import { checkApart, type Interval } from '../recording/recording.js';
import { countSpikes, cutSpikes, type Spikes, spikesEnd, spikeTimes } from '../recording/spikes.js';
import { grouped } from '../text/format.js';
import type { Description, TrialsSpec } from './description.js';
import type { Files } from './files.js';
import { type Span, trialIntervals, usableTrials } from './read-trials.js';
import type { TrialSpikes } from './spike-clocks.js';

/** A trial's spikes, seconds from its beginning. */
export interface OwnClock extends Span {
  readonly spikes: Spikes;
}

/**
 * When the trials of these spikes were. Where nobody says it, one follows the other, each as long as the longest.
 *
 * @param note takes sentences about what was made of them.
 * @throws RecordingError where there are not as many times as trials, or trials overlap.
 */
export function readOwnClocks(
  described: Description,
  { trials, labels }: TrialSpikes,
  files: Files,
  note: (sentence: string) => void,
): OwnClock[] {
  const { trials: spec } = described;
  const numbered = labels?.map(Number).every((label) => Number.isInteger(label));
  const named = spansOn(described, trials, files).map((span, place) => ({
    ...span,
    id: numbered ? Number(labels![place]) : place,
  }));
  const usable = usableTrials(spec, named, trials.length, files, note);
  for (const { id, start, stop } of usable) {
    if (stop > start) continue;
    throw new RecordingError(
      `Trial ${id} runs from ${start} to ${stop} s of the session: trials.starts and trials.stops are both on the session's clock, and a trial ends after it starts.`,
    );
  }
  if (isPlaced(spec))
    checkApart(usable.map((span) => ({ ...span, duration: span.stop - span.start })));
  const cut = usable.map((span) => ({
    ...span,
    // Rounding must not cost the last spike.
    spikes: cutSpikes(trials[span.place]!, 0, span.stop - span.start + 1e-6),
  }));
  noteLostTrials(usable, trials, cut, note);
  return cut;
}

/** Whether somebody says when the trials were. */
function isPlaced(spec: Description['trials']): spec is TrialsSpec {
  return spec?.starts !== undefined || spec?.stops !== undefined;
}

/** From where each trial begins on the session's clock to its end, which the next trial may set. */
function spansOn(
  { trials: spec, spikes: { start: begin }, start }: Description,
  trials: readonly Spikes[],
  files: Files,
): Interval[] {
  const longest = spec?.duration ?? trials.map(spikesEnd).reduce((a, b) => Math.max(a, b), 0);
  if (!isPlaced(spec))
    return trials.map((_, n) => ({ start: n * longest, stop: (n + 1) * longest }));
  // What is called a start is when the trial's clock is at 0, which may be later than the trial begins.
  const spans = trialIntervals(spec, files, start).map((span) => ({
    ...span,
    start: span.start + begin,
  }));
  const starts = spans.map((span) => span.start).sort((p, q) => p - q);
  return spans.map((span) => {
    if (spec.duration !== undefined) return { ...span, stop: span.start + longest };
    if (Number.isFinite(span.stop)) return span;
    const next = starts.find((other) => other > span.start) ?? Number.POSITIVE_INFINITY;
    return { ...span, stop: Math.min(span.start + longest, next) };
  });
}

/** Spikes after a trial's end are lost to the model: nobody should learn that by accident. */
function noteLostTrials(
  usable: readonly Span[],
  trials: readonly Spikes[],
  cut: readonly OwnClock[],
  note: (sentence: string) => void,
): void {
  const count = (spikes: Spikes) => countSpikes(spikeTimes(spikes));
  const all = usable.reduce((sum, { place }) => sum + count(trials[place]!), 0);
  const kept = cut.reduce((sum, { spikes }) => sum + count(spikes), 0);
  if (kept < all)
    note(`${grouped(all - kept)} of ${grouped(all)} spikes lie after the end of their trials.`);
}
