/** Trials whose spikes come with a clock for each: when they were in the session, and how long they lasted. */

import type { Description } from './description.js';
import type { Files } from './files.js';
import { checkApart } from './recording.js';
import type { TrialSpikes } from './spike-sources.js';
import { countSpikes, cutSpikes, type Spikes, spanOf } from './spikes.js';
import { type Span, spansOf, usableTrials } from './trial-sources.js';

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
  { trials: given, spikes: { start: begin }, start }: Description,
  { trials, labels }: TrialSpikes,
  files: Files,
  note: (sentence: string) => void,
): OwnClock[] {
  const longest = given?.duration ?? trials.map(spanOf).reduce((a, b) => Math.max(a, b), 0);
  const placed = given?.starts !== undefined || given?.stops !== undefined;
  // A start is when the trial's clock is at 0, which may be later than the trial begins.
  const spans = placed
    ? spansOf(given, files, start).map((span) => ({ ...span, start: span.start + begin }))
    : trials.map((_, n) => ({ start: n * longest, stop: (n + 1) * longest }));
  const begins = spans.map((span) => span.start).sort((p, q) => p - q);
  const ended = spans.map((span) => {
    if (given?.duration !== undefined) return { ...span, stop: span.start + longest };
    if (Number.isFinite(span.stop)) return span;
    const next = begins.find((other) => other > span.start) ?? Number.POSITIVE_INFINITY;
    return { ...span, stop: Math.min(span.start + longest, next) };
  });
  const numbered = labels?.map(Number).every((label) => Number.isInteger(label));
  const named = ended.map((span, place) => ({
    ...span,
    id: numbered ? Number(labels![place]) : place,
  }));
  const usable = usableTrials(given, named, trials.length, files, note);
  if (placed) checkApart(usable.map((span) => ({ ...span, duration: span.stop - span.start })));
  const cut = usable.map((span) => ({
    ...span,
    // Rounding must not cost the last spike.
    spikes: cutSpikes(trials[span.place]!, 0, span.stop - span.start + 1e-6),
  }));
  sayLost(usable, trials, cut, note);
  return cut;
}

/** Spikes after a trial's end are lost to the model: nobody should learn that by accident. */
function sayLost(
  usable: readonly Span[],
  trials: readonly Spikes[],
  cut: readonly OwnClock[],
  note: (sentence: string) => void,
): void {
  const count = (spikes: Spikes) => ('times' in spikes ? countSpikes(spikes.times) : 0);
  const all = usable.reduce((sum, { place }) => sum + count(trials[place]!), 0);
  const kept = cut.reduce((sum, { spikes }) => sum + count(spikes), 0);
  if (kept < all) note(`${all - kept} of ${all} spikes lie after the end of their trials.`);
}
