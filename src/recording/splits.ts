/** Splits of a recording's windows into training, validation and test parts that share no data. */

import { HostRandom } from '../math/random.js';
import { formatCount, formatPercent } from '../text/format.js';
import { RecordingError } from './errors.js';
import type { Interval, Trial } from './recording.js';
import type { WindowRef, Windows } from './windows.js';

/** The parts of a split, in their default order. */
export const SPLIT_PARTS = ['train', 'validation', 'test'] as const;

/** One part of a split. */
export type Part = (typeof SPLIT_PARTS)[number];

/** The share of each part, from 0 to 1. The shares add up to 1. */
export type Fractions = Readonly<Record<Part, number>>;

/**
 * How windows are assigned to parts.
 *
 * - blocks: time is divided into consecutive blocks, by default in the order train, validation,
 *   test, and `repeats` times over. Where a block begins inside a trial, windows that begin less
 *   than `gap` seconds after its start are left out, so that no window reads back into the block
 *   before. The default gap is as far as any window reads back: over its past, its video and its
 *   variables.
 * - trials: whole trials, drawn with `seed` or listed by id. Without `train`, trials in no other
 *   list are for training; with it, trials in no list are in no part.
 * - explicit: the windows are listed, as in a data dictionary.
 * - interleaved-legacy: individual windows at random, as in the original. Neighboring windows share
 *   most of their data, so the parts are not independent.
 */
export type SplitSettings =
  | {
      kind: 'blocks';
      fractions: Fractions;
      order?: readonly Part[];
      repeats?: number;
      /** Seconds. */
      gap?: number;
    }
  | { kind: 'trials' | 'interleaved-legacy'; fractions: Fractions; seed: number }
  | {
      kind: 'trials';
      train?: readonly number[];
      validation: readonly number[];
      test: readonly number[];
    }
  | { kind: 'explicit'; windows: Readonly<Record<Part, readonly WindowRef[]>> };

/** The windows of each part. */
export type Split = Readonly<Record<Part, readonly WindowRef[]>> & {
  readonly settings: SplitSettings;
  /**
   * How many windows are in no part: they are in a gap between blocks or in a trial that is not
   * listed, or `thinTraining` removed them.
   */
  readonly leftOut: number;
  /** Sentences on how the windows were assigned. */
  readonly notes: readonly string[];
  /** Sentences on why scores on the parts may be too good. */
  readonly caveats: readonly string[];
};

/**
 * Assigns every window of a recording to a part.
 *
 * @param every seconds from the end of one window to the end of the next; default: windows side by
 *   side
 * @throws RecordingError where the settings cannot be met: fractions that do not add up to 1, a gap
 *   that is too short, a trial that does not exist, or a part without windows
 */
export function splitWindows(windows: Windows, settings: SplitSettings, every?: number): Split {
  if (settings.kind === 'explicit') return explicitSplit(windows, settings);
  const { refs, missing } = windows.list(every);
  const assign = partAssigner(windows, settings, refs);
  const parts: Record<Part, WindowRef[]> = { train: [], validation: [], test: [] };
  let leftOut = 0;
  for (const [n, ref] of refs.entries()) {
    const part = assign(ref, n);
    if (part) parts[part].push(ref);
    else leftOut += 1;
  }
  for (const part of SPLIT_PARTS) {
    if (isWanted(settings, part) && parts[part].length === 0) {
      throw new RecordingError(
        `The ${part} part of the split has no windows: ${explainEmptyPart(windows, settings, refs.length)}.`,
      );
    }
  }
  const notes = [
    ...Object.entries(missing).map(
      ([name, count]) =>
        `${formatCount(count)} windows are left out because ${name} was not recorded when they end.`,
    ),
    ...notesOnUnlisted(windows, settings),
  ];
  const caveats =
    settings.kind === 'interleaved-legacy'
      ? [
          'The split is interleaved-legacy: test windows overlap training windows, so scores on them say little about new data.',
        ]
      : [];
  return { ...parts, settings, leftOut, notes, caveats };
}

/** Whether a part should have windows: that for training, and others with a share or a list. */
function isWanted(settings: Exclude<SplitSettings, { kind: 'explicit' }>, part: Part): boolean {
  if ('fractions' in settings) return settings.fractions[part] > 0;
  return part === 'train' || settings[part].length > 0;
}

/** A note on trials that are in no list of a split, if training has a list. */
function notesOnUnlisted({ recording }: Windows, settings: SplitSettings): string[] {
  if (settings.kind !== 'trials' || 'fractions' in settings || !settings.train) return [];
  const listed = new Set([...settings.train, ...settings.validation, ...settings.test]);
  const count = recording.trials.filter(({ id }) => !listed.has(id)).length;
  if (count === 0) return [];
  return [`${count} ${count === 1 ? 'trial is' : 'trials are'} in no part of the split.`];
}

function explainEmptyPart({ recording }: Windows, settings: SplitSettings, count: number): string {
  const { kind } = settings;
  if (kind === 'trials' && !('fractions' in settings))
    return 'no trial is left for it, or its trials have no windows';
  if (kind === 'trials')
    return `it was assigned none of the ${recording.trials.length} trials, or its trials have no windows. Increase its share, or split by blocks`;
  return kind === 'blocks'
    ? `none of the recording's ${count} windows is in its blocks and after the gap. The gap is too long, the share too small, or a variable was not recorded there`
    : `the recording's ${count} windows are too few`;
}

/**
 * The split with fewer training windows: the most recent ones, and of those a random share.
 *
 * @param less.recent the share of training windows to keep, counted from the last one; above 0 and
 *   up to 1
 * @param less.share the share of the recent windows to draw; above 0 and up to 1
 * @param less.stretch draws stretches of so many seconds instead of single windows
 * @param less.seed of the draw
 */
export function thinTraining(
  split: Split,
  less: { recent: number; share: number; stretch?: number | undefined; seed: number },
): Split {
  const { recent, share, stretch, seed } = less;
  const firstRecent = Math.floor((1 - recent) * split.train.length);
  const latest = split.train.slice(firstRecent);
  const train = share === 1 ? latest : drawShare(latest, share, stretch, seed);
  const removed = split.train.length - train.length;
  if (removed === 0) return split;
  const note = `Of ${formatCount(split.train.length)} training windows, ${formatCount(train.length)} are used: ${[
    ...(recent < 1 ? [`the latest ${formatPercent(recent)}`] : []),
    ...(share < 1 ? [`${formatPercent(share)}, drawn by the seed`] : []),
  ].join(', and of those ')}.`;
  return { ...split, train, leftOut: split.leftOut + removed, notes: [...split.notes, note] };
}

/** A share of some windows, or of the stretches that they form, drawn at random; in their order. */
function drawShare(
  refs: readonly WindowRef[],
  share: number,
  stretch: number | undefined,
  seed: number,
): WindowRef[] {
  const units = stretch === undefined ? [...refs.keys()] : stretchIndices(refs, stretch);
  const names = [...new Set(units)];
  const count = Math.max(1, Math.round(share * names.length));
  const drawn = new Set(
    [...new HostRandom(seed).permutation(names.length)].slice(0, count).map((n) => names[n]!),
  );
  return refs.filter((_, n) => drawn.has(units[n]!));
}

/**
 * The stretch that each window ends in: trials are cut into stretches of so many seconds, from
 * their starts on. [windows]
 */
export function stretchIndices(refs: readonly WindowRef[], seconds: number): number[] {
  const index = new Map<string, number>();
  return refs.map(({ trialIndex, end }) => {
    const stretch = `${trialIndex} ${Math.floor(end / seconds + 1e-9)}`;
    if (!index.has(stretch)) index.set(stretch, index.size);
    return index.get(stretch)!;
  });
}

/**
 * Weights of windows in a recording that drifts: a window counts half as much as one that ends
 * `halfLife` recorded seconds later. The last window has weight 1.
 *
 * @param halfLife seconds
 * @returns [windows]
 */
export function recencyWeights(
  windows: Windows,
  refs: readonly WindowRef[],
  halfLife: number,
): Float64Array {
  const offsets = trialOffsets(windows.recording.trials);
  const times = refs.map(({ trialIndex, end }) => offsets[trialIndex]! + end);
  const lastTime = times.reduce((a, b) => Math.max(a, b), 0);
  return Float64Array.from(times, (time) => 2 ** ((time - lastTime) / halfLife));
}

/**
 * Where each trial begins when all trials are joined into one timeline, whatever their clocks.
 * Seconds.
 */
function trialOffsets(trials: readonly Trial[]): number[] {
  let total = 0;
  return trials.map(({ duration }) => {
    total += duration;
    return total - duration;
  });
}

/** Listed windows as a split, with a caveat for parts that overlap. */
function explicitSplit(windows: Windows, settings: SplitSettings & { kind: 'explicit' }): Split {
  const split = { ...settings.windows, settings, leftOut: 0, notes: [], caveats: [] };
  const caveats = findLeaks(split, windows).map(
    ({ part, from, windows: count }) =>
      `${count} of ${split[part].length} ${part} windows overlap what ${from} windows read, so scores on them say little about new data.`,
  );
  return { ...split, caveats };
}

/**
 * The part of a window; undefined for windows that are left out.
 *
 * @param n index of the window among all windows
 */
type PartAssigner = (ref: WindowRef, n: number) => Part | undefined;

function partAssigner(
  windows: Windows,
  settings: Exclude<SplitSettings, { kind: 'explicit' }>,
  refs: readonly WindowRef[],
): PartAssigner {
  if ('fractions' in settings) checkFractions(settings.fractions);
  switch (settings.kind) {
    case 'blocks':
      return assignBlocks(windows, settings, refs);
    case 'trials':
      return assignTrials(windows, settings);
    case 'interleaved-legacy': {
      const parts = drawParts(refs.length, settings.fractions, settings.seed);
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

/** Parts for `count` items in random order, as many of each part as its fraction demands. */
function drawParts(count: number, fractions: Fractions, seed: number): Part[] {
  const test = Math.round(fractions.test * count);
  const validation = Math.round(fractions.validation * count);
  const parts = Array<Part>(count).fill('train');
  for (const [rank, item] of new HostRandom(seed).permutation(count).entries()) {
    if (rank < test) parts[item] = 'test';
    else if (rank < test + validation) parts[item] = 'validation';
  }
  return parts;
}

function assignTrials(
  windows: Windows,
  settings: Exclude<SplitSettings, { kind: 'blocks' | 'explicit' }>,
): PartAssigner {
  const { trials } = windows.recording;
  if ('fractions' in settings) {
    const parts = drawParts(trials.length, settings.fractions, settings.seed);
    return ({ trialIndex }) => parts[trialIndex];
  }
  const partOf = partsByTrial(
    settings,
    trials.map(({ id }) => id),
  );
  const unlisted = settings.train ? undefined : 'train';
  return ({ trialIndex }) => partOf.get(trials[trialIndex]!.id) ?? unlisted;
}

/**
 * The part of each trial that is listed, by id.
 *
 * @throws RecordingError where a trial does not exist or is in two lists
 */
function partsByTrial(
  settings: Partial<Record<Part, readonly number[]>>,
  ids: readonly number[],
): Map<number, Part> {
  const partOf = new Map<number, Part>();
  for (const part of SPLIT_PARTS) {
    for (const id of settings[part] ?? []) {
      const other = partOf.get(id) ?? part;
      if (other !== part)
        throw new RecordingError(`The split lists trial ${id} for both ${other} and ${part}.`);
      if (!ids.includes(id))
        throw new RecordingError(
          `The split refers to trial ${id}, but the recording has no such trial; its ids are ${formatIds(ids)}.`,
        );
      partOf.set(id, part);
    }
  }
  return partOf;
}

/** Ids of trials as messages show them: '0 to 55' if they are consecutive, else the first ones. */
function formatIds(ids: readonly number[]): string {
  const last = ids.length - 1;
  const areConsecutive = ids.every((id, n) => id === ids[0]! + n);
  if (areConsecutive && last > 0) return `${ids[0]} to ${ids[last]}`;
  return `${ids.slice(0, 8).join(', ')}${ids.length > 8 ? ' and others' : ''}`;
}

function assignBlocks(
  windows: Windows,
  settings: SplitSettings & { kind: 'blocks' },
  refs: readonly WindowRef[],
): PartAssigner {
  /** How far a window reads back before its current part, in seconds. */
  const pastReach = ({ current, all }: ReturnType<Windows['span']>) => current.start - all.start;
  const longestReach = () =>
    refs.reduce((max, ref) => Math.max(max, pastReach(windows.span(ref))), 0);
  const { fractions, order = SPLIT_PARTS, repeats = 1, gap = longestReach() } = settings;
  if (!Number.isInteger(repeats) || repeats < 1)
    throw new RecordingError(
      `The repeats of a split should be a whole number of 1 or more, but are ${repeats}.`,
    );
  const { trials } = windows.recording;
  const offsets = trialOffsets(trials);
  const total = trials.reduce((sum, { duration }) => sum + duration, 0);
  const blocks: (Interval & { part: Part })[] = [];
  let start = 0;
  for (let n = 0; n < repeats; n++) {
    for (const part of order) {
      const stop = start + (fractions[part] * total) / repeats;
      if (stop > start) blocks.push({ part, start, stop });
      start = stop;
    }
  }
  return (ref) => {
    const span = windows.span(ref);
    const { current, all } = span;
    const reach = pastReach(span);
    if (gap < reach - 1e-9) {
      throw new RecordingError(
        `The gap of a split should be at least ${reach.toFixed(3)} s, as far as windows read back, but is ${gap}.`,
      );
    }
    const offset = offsets[ref.trialIndex]!;
    const block = blocks.find(({ stop }) => offset + current.stop <= stop + 1e-9);
    if (!block) return blocks.at(-1)!.part;
    const beginsInTrial = block.start > offset + 1e-9;
    const isAfterGap = !beginsInTrial || offset + current.start >= block.start + gap - 1e-9;
    const endsInBlock = offset + all.stop <= block.stop + 1e-9 || block === blocks.at(-1);
    return isAfterGap && endsInBlock ? block.part : undefined;
  };
}

/** Windows of one part that read data which windows of another part read, too. */
export interface Leak {
  /** The part of the windows that are counted. */
  readonly part: Part;
  /** The part whose data they overlap. */
  readonly from: Part;
  /** How many windows overlap. */
  readonly windows: number;
  /** The first of them. */
  readonly example: WindowRef;
}

/**
 * Finds all overlaps between the data that different parts read. Empty for a split without leaks.
 */
export function findLeaks(split: Split, windows: Windows): Leak[] {
  const leaks: Leak[] = [];
  for (const from of SPLIT_PARTS) {
    const covered = intervalsRead(split[from], windows);
    for (const part of SPLIT_PARTS) {
      if (part === from) continue;
      const overlapping = split[part].filter((ref) => {
        const { start, stop } = intervalReadBy(windows, ref);
        return covered
          .get(ref.trialIndex)
          ?.some((c) => c.start < stop - 1e-9 && start < c.stop - 1e-9);
      });
      const [example] = overlapping;
      if (example) leaks.push({ part, from, windows: overlapping.length, example });
    }
  }
  return leaks;
}

/** The interval of its trial that a window reads. There are no data before the trial's start. */
function intervalReadBy(windows: Windows, ref: WindowRef): Interval {
  const { start, stop } = windows.span(ref).all;
  return { start: Math.max(0, start), stop };
}

/** The intervals that windows read, by trial index. Overlapping intervals are merged. */
function intervalsRead(refs: readonly WindowRef[], windows: Windows): Map<number, Interval[]> {
  const covered = new Map<number, Interval[]>();
  const sorted = [...refs].sort((p, q) => p.trialIndex - q.trialIndex || p.end - q.end);
  for (const ref of sorted) {
    const interval = intervalReadBy(windows, ref);
    const merged = covered.get(ref.trialIndex);
    const last = merged?.at(-1);
    if (!merged) covered.set(ref.trialIndex, [interval]);
    else if (last && interval.start <= last.stop + 1e-9)
      merged[merged.length - 1] = { start: last.start, stop: Math.max(last.stop, interval.stop) };
    else merged.push(interval);
  }
  return covered;
}
