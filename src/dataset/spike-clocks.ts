/** Spikes on the session's clock, or on clocks of their trials, in seconds and in order. */

import { RecordingError } from '../recording/errors.js';
import { firstNotBefore, neuronCount, type Spikes, type SpikeTimes } from '../recording/spikes.js';

interface Named {
  /** What each neuron is called, where that is not its place. */
  readonly names?: readonly string[];
}

/** Spikes on the session's clock. */
export interface SessionSpikes extends Named {
  readonly spikes: Spikes;
  /** Seconds that were recorded, where more is known than the last spike. */
  readonly recorded?: number;
}

/** Spikes of trials that each have a clock of their own. */
export interface TrialSpikes extends Named {
  readonly trials: readonly Spikes[];
  /** What the file calls each trial, where that is not its place. */
  readonly labels?: readonly string[];
}

export type SpikeSource = SessionSpikes | TrialSpikes;

/** How many neurons there are. */
export function neuronsIn(source: SpikeSource): number {
  const spikes = 'trials' in source ? source.trials[0] : source.spikes;
  return spikes ? neuronCount(spikes) : 0;
}

/**
 * Times in seconds from the session's start, in order; those before it are left out, and it is said.
 *
 * @param lists taken one after the other, so that no more than one is in memory twice; they are changed.
 */
export function onSession(
  lists: Iterable<ArrayLike<number>>,
  unit: number,
  start: number,
  note: (sentence: string) => void,
): Float64Array[] {
  const brought: Float64Array[] = [];
  let [early, unsorted] = [0, 0];
  for (const list of lists) {
    const { times, sorted } = toSeconds(list, unit, start, brought.length);
    if (!sorted) unsorted += 1;
    const before = firstNotBefore(times, 0);
    brought.push(before > 0 ? times.slice(before) : times);
    early += before;
  }
  if (unsorted > 0)
    note(
      `The times of ${unsorted} of ${brought.length} neurons were not in order; they were sorted.`,
    );
  if (early > 0) note(`${early} spikes before the session's start, ${start} s, were left out.`);
  return brought;
}

/** Changes the list where that saves a copy. @throws RecordingError where a time is no number. */
function toSeconds(list: ArrayLike<number>, unit: number, start: number, neuron: number) {
  const times = list instanceof Float64Array ? list : Float64Array.from(list);
  let sorted = true;
  for (let n = 0; n < times.length; n++) {
    const time = times[n]! * unit - start;
    if (!Number.isFinite(time)) {
      throw new RecordingError(
        `Spike ${n} of neuron ${neuron} is at ${times[n]}: times should be numbers; cut out what is missing.`,
      );
    }
    times[n] = time;
    if (n > 0 && time < times[n - 1]!) sorted = false;
  }
  if (!sorted) times.sort();
  return { times, sorted };
}

/** Each trial's times in seconds from where its clock begins, which may be before 0. */
export function onOwnClocks(
  trials: readonly (readonly ArrayLike<number>[])[],
  unit: number,
  begin: number,
  note: (sentence: string) => void,
): SpikeTimes[] {
  let [early, all] = [0, 0];
  const found = trials.map((lists) => ({
    times: lists.map((list, neuron) => {
      const { times } = toSeconds(list, unit, begin, neuron);
      const before = firstNotBefore(times, 0);
      early += before;
      all += times.length;
      return before > 0 ? times.slice(before) : times;
    }),
  }));
  if (early > 0)
    note(
      `${early} of ${all} spikes lie before their trials' clocks begin, at ${begin} s, and were left out; say as spikes.start where they begin.`,
    );
  return found;
}
