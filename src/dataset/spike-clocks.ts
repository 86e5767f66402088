/**
 * Brings spikes onto the session clock or onto the clocks of their trials: in seconds and sorted.
 */

import { floorToTenth } from '../math/rounding.js';
import { RecordingError } from '../recording/errors.js';
import type { Interval } from '../recording/recording.js';
import { lowerBound, neuronCount, type Spikes, type SpikeTimes } from '../recording/spikes.js';
import { formatCount } from '../text/format.js';

interface NamedNeurons {
  /** The name of each neuron, where it may differ from its index. */
  readonly names?: readonly string[];
}

/** Spikes on the session clock. */
export interface SessionSpikes extends NamedNeurons {
  readonly spikes: Spikes;
  /** Seconds that were recorded, where that is known and may be past the last spike. */
  readonly recorded?: number;
  /** When each neuron was recorded, where that is known. */
  readonly observed?: readonly (readonly Interval[])[];
}

/** Spikes of trials that each have a clock of their own. */
export interface TrialSpikes extends NamedNeurons {
  /** The spikes of each trial, in the order of the file. */
  readonly trials: readonly Spikes[];
  /** The label of each trial, where the file labels them. */
  readonly labels?: readonly string[];
}

/** Spikes as they were read: on the session clock, or on the clocks of trials. */
export type LoadedSpikes = SessionSpikes | TrialSpikes;

/** The number of neurons; 0 where there is no trial. */
export function loadedNeuronCount(loaded: LoadedSpikes): number {
  const spikes = 'trials' in loaded ? loaded.trials[0] : loaded.spikes;
  return spikes ? neuronCount(spikes) : 0;
}

/** How the times of a file are meant. */
export interface TimeFormat {
  /** Seconds per unit. */
  readonly unit: number;
  /** The value that stands for no spike; NaN is equal to itself here. */
  readonly padding?: number | undefined;
}

/**
 * Brings spike times onto the session clock, in seconds and sorted. Spikes before the session start
 * are left out.
 *
 * @param lists the times of each neuron in units of the format, read one at a time so that only one
 *   is in memory twice. A Float64Array is changed in place.
 * @param sessionStart seconds on the files' clock at which the session starts.
 * @param note takes sentences about what was sorted and left out.
 * @throws RecordingError where a time is not finite.
 */
export function toSessionClock(
  lists: Iterable<ArrayLike<number>>,
  format: TimeFormat,
  sessionStart: number,
  note: (sentence: string) => void,
): Float64Array[] {
  const spikes: Float64Array[] = [];
  const missing = new MissingTimes(format);
  let [earlyCount, unsortedCount] = [0, 0];
  for (const list of lists) {
    const present = missing.leaveOut(list);
    const owner = `neuron ${spikes.length}`;
    const { times, isSorted } = toSeconds(present, format, sessionStart, owner);
    if (!isSorted) unsortedCount += 1;
    const early = lowerBound(times, 0);
    spikes.push(early > 0 ? times.slice(early) : times);
    earlyCount += early;
  }
  if (unsortedCount > 0)
    note(
      `Spike times that were not in order are sorted (${unsortedCount} of ${spikes.length} neurons).`,
    );
  missing.report(note);
  if (earlyCount > 0)
    note(
      `Spikes before the session start at ${sessionStart} s are left out (${earlyCount} in all).`,
    );
  return spikes;
}

/** Leaves out what stands for no spike, and counts it. */
class MissingTimes {
  readonly #padding: number | undefined;
  #missing = 0;
  #total = 0;

  constructor({ padding }: TimeFormat) {
    this.#padding = padding;
  }

  /** The times that are spikes; the list itself where all are. */
  leaveOut(list: ArrayLike<number>): ArrayLike<number> {
    this.#total += list.length;
    if (this.#padding === undefined) return list;
    const times = Float64Array.from(list).filter((time) => !Object.is(time, this.#padding));
    this.#missing += list.length - times.length;
    return times;
  }

  /** Says how many were NaN: any other value is no more than the filling that the file declares. */
  report(note: (sentence: string) => void): void {
    if (this.#missing === 0 || !Number.isNaN(this.#padding)) return;
    note(
      `Spike times that are NaN stand for no spike and are left out (${formatCount(this.#missing)} of ${formatCount(this.#total)}).`,
    );
  }
}

/**
 * Converts the times of one neuron to seconds from `clockStart`, sorted. A Float64Array is changed
 * in place, which saves a copy.
 *
 * @param owner what messages call the neuron.
 * @throws RecordingError where a time is not finite.
 */
function toSeconds(
  list: ArrayLike<number>,
  { unit }: TimeFormat,
  clockStart: number,
  owner: string,
) {
  const times = list instanceof Float64Array ? list : Float64Array.from(list);
  let isSorted = true;
  for (let n = 0; n < times.length; n++) {
    const time = times[n]! * unit - clockStart;
    if (!Number.isFinite(time)) {
      throw new RecordingError(
        `Spike ${n} of ${owner} is at ${times[n]}, but spike times should be numbers: where NaN stands for no spike, set spikes.padding: nan in a dataset.yaml.`,
      );
    }
    times[n] = time;
    if (n > 0 && time < times[n - 1]!) isSorted = false;
  }
  if (!isSorted) times.sort();
  return { times, isSorted };
}

/**
 * Converts spike times on the clocks of trials to seconds from the beginning of their trial.
 * Earlier spikes are left out.
 *
 * @param trials the times of each trial's neurons in units of the format. A Float64Array is changed
 *   in place.
 * @param trialClockStart seconds on the trials' clocks at which they begin, which may be negative.
 * @param note takes a sentence about what was left out.
 * @throws RecordingError where a time is not finite.
 */
export function toTrialClocks(
  trials: readonly (readonly ArrayLike<number>[])[],
  format: TimeFormat,
  trialClockStart: number,
  note: (sentence: string) => void,
): SpikeTimes[] {
  const missing = new MissingTimes(format);
  let [earlyCount, totalCount, earliest] = [0, 0, 0];
  const spikes = trials.map((lists, trial) => ({
    times: lists.map((list, neuron) => {
      const owner = `neuron ${neuron} in trial ${trial}`;
      const { times } = toSeconds(missing.leaveOut(list), format, trialClockStart, owner);
      const early = lowerBound(times, 0);
      earliest = Math.min(earliest, times[0] ?? 0);
      earlyCount += early;
      totalCount += times.length;
      return early > 0 ? times.slice(early) : times;
    }),
  }));
  missing.report(note);
  if (earlyCount > 0)
    note(
      `Spikes before the beginning of their trial, at ${trialClockStart} s on its clock, are left out (${earlyCount} of ${totalCount}). If trials begin earlier, set that in a dataset.yaml, such as spikes.start: ${floorToTenth(earliest + trialClockStart)}.`,
    );
  return spikes;
}
