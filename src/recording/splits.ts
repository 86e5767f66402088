/** Splits of a recording's windows into training, validation and test, so that none reads what another is scored on. */

import { HostRandom } from '../math/random.js';
import { grouped, percent } from '../text/format.js';
import { RecordingError } from './errors.js';
import type { Interval, Trial } from './recording.js';
import type { WindowRef, Windows } from './windows.js';

export const SPLIT_PARTS = ['train', 'validation', 'test'] as const;
export type Part = (typeof SPLIT_PARTS)[number];

/** The share of each part; they add up to 1. */
export type Fractions = Readonly<Record<Part, number>>;

/**
 * How windows are dealt out.
 *
 * - blocks: time is cut into stretches, in the order train, validation, test or another, `repeats` times over; where one
 *   begins inside a trial, windows that begin less than `gap` seconds after it are left out, so that no window reads
 *   back into the stretch before. Default gap: the past and the video window together, or what the longest window of a
 *   variable reaches back where that is more.
 * - trials: whole trials, drawn by `seed`, or those named; the others are for training.
 * - given: the windows somebody else has chosen, such as those of a data dictionary.
 * - interleaved-legacy: single windows at random, as the original has it. Neighbours share most of what they read.
 */
export type SplitSettings =
  | {
      kind: 'blocks';
      fractions: Fractions;
      order?: readonly Part[];
      repeats?: number;
      gap?: number;
    }
  | { kind: 'trials' | 'interleaved-legacy'; fractions: Fractions; seed: number }
  | { kind: 'trials'; validation: readonly number[]; test: readonly number[] }
  | { kind: 'given'; windows: Readonly<Record<Part, readonly WindowRef[]>> };

export type Split = Readonly<Record<Part, readonly WindowRef[]>> & {
  readonly settings: SplitSettings;
  /** Windows in none of the parts, because they lie in a gap. */
  readonly leftOut: number;
  /** What the user should know of how they were dealt out; and of what scores on them are worth. */
  readonly notes: readonly string[];
  readonly caveats: readonly string[];
};

/**
 * Deals out every window of a recording.
 *
 * @param every seconds from one window's end to the next; default: windows side by side.
 * @throws RecordingError where the settings cannot be met: bad fractions, a gap too short, a part left empty.
 */
export function splitWindows(windows: Windows, settings: SplitSettings, every?: number): Split {
  if (settings.kind === 'given') return givenSplit(windows, settings);
  const refs = windows.recording.trials.flatMap((_, trial) => windows.windowsInTrial(trial, every));
  const windowPart = dealer(windows, settings, refs);
  const parts: Record<Part, WindowRef[]> = { train: [], validation: [], test: [] };
  let leftOut = 0;
  for (const [n, ref] of refs.entries()) {
    const part = windowPart(ref, n);
    if (part) parts[part].push(ref);
    else leftOut += 1;
  }
  for (const part of SPLIT_PARTS) {
    const wanted = !('fractions' in settings) || settings.fractions[part] > 0;
    if (wanted && parts[part].length === 0) {
      throw new RecordingError(
        `The ${part} part of the split has no window: ${explainEmptyPart(windows, settings, refs.length)}.`,
      );
    }
  }
  const notes = Object.entries(windows.lacking(every)).map(
    ([name, count]) =>
      `${grouped(count)} windows are left out, as there is nothing of ${name} when they end.`,
  );
  const caveats =
    settings.kind === 'interleaved-legacy'
      ? [
          'The split is interleaved-legacy: test windows overlap training windows, so scores on them say little about new data.',
        ]
      : [];
  return { ...parts, settings, leftOut, notes, caveats };
}

function explainEmptyPart({ recording }: Windows, { kind }: SplitSettings, count: number): string {
  if (kind === 'trials')
    return `its share of the ${recording.trials.length} trials is none, or its trials have no windows; make it larger, or split by blocks`;
  return kind === 'blocks'
    ? `of the recording's ${count} windows none lies in its share of the time with the gap before it; the gap is too long, the share too small, or a variable was not recorded there`
    : `the recording's ${count} windows are too few`;
}

/**
 * A split with less to train on: the latest windows, and of those some drawn by the seed.
 *
 * @param less shares from above 0 to 1.
 */
export function thinned(
  split: Split,
  less: { recent: number; share: number; seed: number },
): Split {
  const { recent, share, seed } = less;
  const first = Math.floor((1 - recent) * split.train.length);
  const latest = split.train.slice(first);
  const count = Math.max(1, Math.round(share * latest.length));
  const drawn = [...new HostRandom(seed).permutation(latest.length)].slice(0, count);
  const train = share === 1 ? latest : drawn.sort((p, q) => p - q).map((n) => latest[n]!);
  const left = split.train.length - train.length;
  if (left === 0) return split;
  const note = `Of ${grouped(split.train.length)} training windows ${grouped(train.length)} are used: ${[
    ...(recent < 1 ? [`the latest ${percent(recent)}`] : []),
    ...(share < 1 ? [`${percent(share)}, drawn by the seed`] : []),
  ].join(', and of them ')}.`;
  return { ...split, train, leftOut: split.leftOut + left, notes: [...split.notes, note] };
}

/**
 * How much each window counts where those of a recording that drifts count the more the later they are: half as much
 * for every `halfLife` seconds recorded after it.
 */
export function recencyWeights(
  windows: Windows,
  refs: readonly WindowRef[],
  halfLife: number,
): Float64Array {
  const offsets = trialOffsets(windows.recording.trials);
  const times = refs.map(({ trialIndex, end }) => offsets[trialIndex]! + end);
  const last = times.reduce((a, b) => Math.max(a, b), 0);
  return Float64Array.from(times, (time) => 2 ** ((time - last) / halfLife));
}

/** Trials one after the other make one line of time, whatever clocks they came from: where each begins on it. */
function trialOffsets(trials: readonly Trial[]): number[] {
  let total = 0;
  return trials.map(({ duration }) => {
    total += duration;
    return total - duration;
  });
}

/** Chosen windows as a split, with a note where parts read the same. */
function givenSplit(windows: Windows, settings: SplitSettings & { kind: 'given' }): Split {
  const split = { ...settings.windows, settings, leftOut: 0, notes: [], caveats: [] };
  const caveats = findLeaks(split, windows).map(
    ({ part, from, windows: count }) =>
      `${count} of ${split[part].length} ${part} windows overlap what ${from} windows read, so scores on them say little about new data.`,
  );
  return { ...split, caveats };
}

type Dealer = (ref: WindowRef, n: number) => Part | undefined;

function dealer(
  windows: Windows,
  settings: Exclude<SplitSettings, { kind: 'given' }>,
  refs: readonly WindowRef[],
): Dealer {
  if ('fractions' in settings) checkFractions(settings.fractions);
  switch (settings.kind) {
    case 'blocks':
      return byBlocks(windows, settings, refs);
    case 'trials':
      return byTrials(windows, settings);
    case 'interleaved-legacy': {
      const parts = deal(refs.length, settings.fractions, settings.seed);
      return (_, n) => parts[n];
    }
  }
}

function checkFractions(fractions: Fractions): void {
  const shares = SPLIT_PARTS.map((part) => fractions[part]);
  const sum = shares.reduce((total, share) => total + share, 0);
  if (shares.every((share) => share >= 0 && share <= 1) && Math.abs(sum - 1) < 1e-9) return;
  throw new RecordingError(
    `The fractions of a split should be shares from 0 to 1 that add up to 1, but are ${SPLIT_PARTS.map((part) => `${part} ${fractions[part]}`).join(', ')}.`,
  );
}

/** n parts in random order, as many of each as its fraction says. */
function deal(n: number, fractions: Fractions, seed: number): Part[] {
  const test = Math.round(fractions.test * n);
  const validation = Math.round(fractions.validation * n);
  const parts = Array<Part>(n).fill('train');
  for (const [place, item] of new HostRandom(seed).permutation(n).entries()) {
    if (place < test) parts[item] = 'test';
    else if (place < test + validation) parts[item] = 'validation';
  }
  return parts;
}

function byTrials(
  windows: Windows,
  settings: Exclude<SplitSettings, { kind: 'blocks' | 'given' }>,
): Dealer {
  const { trials } = windows.recording;
  if ('fractions' in settings) {
    const parts = deal(trials.length, settings.fractions, settings.seed);
    return ({ trialIndex }) => parts[trialIndex];
  }
  const { validation, test } = settings;
  const ids = trials.map(({ id }) => id);
  const unknown = [...validation, ...test].find((id) => !ids.includes(id));
  if (unknown !== undefined)
    throw new RecordingError(
      `The split names trial ${unknown}, which the recording does not have.`,
    );
  const both = validation.find((id) => test.includes(id));
  if (both !== undefined)
    throw new RecordingError(`The split names trial ${both} for validation and for test.`);
  return ({ trialIndex }) => {
    const id = ids[trialIndex]!;
    if (test.includes(id)) return 'test';
    return validation.includes(id) ? 'validation' : 'train';
  };
}

function byBlocks(
  windows: Windows,
  settings: SplitSettings & { kind: 'blocks' },
  refs: readonly WindowRef[],
): Dealer {
  const pastReach = ({ current, all }: ReturnType<Windows['span']>) => current.start - all.start;
  const furthest = () =>
    refs.reduce((most, ref) => Math.max(most, pastReach(windows.span(ref))), 0);
  const { fractions, order = SPLIT_PARTS, repeats = 1, gap = furthest() } = settings;
  if (!Number.isInteger(repeats) || repeats < 1)
    throw new RecordingError(`The repeats of a split should be 1 or more, but are ${repeats}.`);
  const { trials } = windows.recording;
  const offsets = trialOffsets(trials);
  const total = trials.reduce((sum, { duration }) => sum + duration, 0);
  const blocks: (Interval & { part: Part })[] = [];
  let edge = 0;
  for (let n = 0; n < repeats; n++) {
    for (const part of order) {
      const stop = edge + (fractions[part] * total) / repeats;
      if (stop > edge) blocks.push({ part, start: edge, stop });
      edge = stop;
    }
  }
  return (ref) => {
    const span = windows.span(ref);
    const { current, all } = span;
    const reach = pastReach(span);
    if (gap < reach - 1e-9) {
      throw new RecordingError(
        `The gap of a split should be at least ${reach.toFixed(3)} s, as far as windows reach back, but is ${gap}.`,
      );
    }
    const offset = offsets[ref.trialIndex]!;
    const block = blocks.find(({ stop }) => offset + current.stop <= stop + 1e-9);
    if (!block) return blocks.at(-1)!.part;
    const opensInTrial = block.start > offset + 1e-9;
    const clear = !opensInTrial || offset + current.start >= block.start + gap - 1e-9;
    const ahead = offset + all.stop <= block.stop + 1e-9 || block === blocks.at(-1);
    return clear && ahead ? block.part : undefined;
  };
}

/** Windows of one part that read what windows of another read. */
export interface Leak {
  readonly part: Part;
  readonly from: Part;
  readonly windows: number;
  readonly example: WindowRef;
}

/** Every overlap between what windows of different parts read; empty for a split that does not leak. */
export function findLeaks(split: Split, windows: Windows): Leak[] {
  const leaks: Leak[] = [];
  for (const from of SPLIT_PARTS) {
    const covered = intervalsRead(split[from], windows);
    for (const part of SPLIT_PARTS) {
      if (part === from) continue;
      const found = split[part].filter((ref) => {
        const { start, stop } = intervalsReadBy(windows, ref);
        return covered
          .get(ref.trialIndex)
          ?.some((c) => c.start < stop - 1e-9 && start < c.stop - 1e-9);
      });
      if (found[0]) leaks.push({ part, from, windows: found.length, example: found[0] });
    }
  }
  return leaks;
}

/** What a window reads of its trial: nothing was recorded before its start. */
function intervalsReadBy(windows: Windows, ref: WindowRef): Interval {
  const { start, stop } = windows.span(ref).all;
  return { start: Math.max(0, start), stop };
}

/** The stretches of each trial that windows read, joined where they meet. */
function intervalsRead(refs: readonly WindowRef[], windows: Windows): Map<number, Interval[]> {
  const cover = new Map<number, Interval[]>();
  const sorted = [...refs].sort((p, q) => p.trialIndex - q.trialIndex || p.end - q.end);
  for (const ref of sorted) {
    const read = intervalsReadBy(windows, ref);
    const known = cover.get(ref.trialIndex);
    const last = known?.at(-1);
    if (!known) cover.set(ref.trialIndex, [read]);
    else if (last && read.start <= last.stop + 1e-9)
      known[known.length - 1] = { start: last.start, stop: Math.max(last.stop, read.stop) };
    else known.push(read);
  }
  return cover;
}
