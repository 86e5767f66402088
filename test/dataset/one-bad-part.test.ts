/**
 * NWB files with spikes, trials and five series, one part of which is bad: the rest is read, number
 * by number, and the part is named.
 */

import type { Group } from 'h5wasm/node';
import { expect, it } from 'vitest';
import { HostRandom } from '../../src/math/random.js';
import { spikeTimes, useFolders } from '../helpers/dataset.js';
import { numbers, typed, units, useNwb } from '../helpers/nwb.js';
import { THOROUGH } from '../helpers/thorough.js';

const COUNT = THOROUGH ? 200 : 40;
const SAMPLES = 200;
const NEURONS = 4;
const newFolder = useFolders();
const { open } = useNwb(newFolder);

/** A series as it is written: its values at 10 Hz, or at times of its own. */
interface Made {
  values: number[];
  times?: number[];
  rate: number;
  start: number;
}

/** What can be wrong with one series, and words that the note on it has. */
const BAD_SERIES: Readonly<Record<string, (made: Made, random: HostRandom) => Made>> = {
  'all values are missing': (made) => ({ ...made, values: made.values.map(() => Number.NaN) }),
  'a sample too many': (made) => ({ ...withTimes(made), values: [...made.values, 1] }),
  'a sample too few': (made) => ({ ...withTimes(made), values: made.values.slice(1) }),
  'times that go back': (made, random) => {
    const timed = withTimes(made);
    const at = 1 + random.integer(SAMPLES - 2);
    return { ...timed, times: timed.times!.with(at, timed.times![at - 1]! - 1) };
  },
  'a time that is missing': (made, random) => {
    const timed = withTimes(made);
    return { ...timed, times: timed.times!.with(random.integer(SAMPLES), Number.NaN) };
  },
  'a rate of 0': (made) => ({ ...made, rate: 0 }),
  'a rate that is missing': (made) => ({ ...made, rate: Number.NaN }),
  'no values': (made) => ({ ...made, values: [] }),
};

function withTimes(made: Made): Made & { times: number[] } {
  return { ...made, times: made.values.map((_, n) => n / 10) };
}

function writeSeries(parent: Group, name: string, { values, times, rate, start }: Made): void {
  const group = typed(parent, name, 'TimeSeries');
  numbers(group, 'data', values);
  if (times) numbers(group, 'timestamps', times);
  else
    group
      .create_dataset({ name: 'starting_time', data: start, dtype: '<d' })
      .create_attribute('rate', rate);
}

const NAMES = ['speed', 'pupil', 'lick', 'wheel', 'gaze'];

it.each(Array.from({ length: COUNT }, (_, seed) => seed))(
  'file %i: the rest is read',
  async (seed) => {
    const random = new HostRandom(seed + 1);
    const made = new Map<string, Made>(
      NAMES.map((name, n) => [
        name,
        {
          values: Array.from({ length: SAMPLES }, (_, k) => Math.sin(k / (n + 2)) + n),
          rate: 10,
          start: 0,
        },
      ]),
    );
    const kinds = Object.keys(BAD_SERIES);
    const kind = kinds[seed % kinds.length]!;
    const bad = NAMES[random.integer(NAMES.length)]!;
    made.set(bad, BAD_SERIES[kind]!(made.get(bad)!, random));
    const trains = Array.from({ length: NEURONS }, () =>
      Array.from({ length: 20 }, () => Math.round(1900 * random.uniform()) / 100).sort(
        (p, q) => p - q,
      ),
    );
    const { recording, notes } = await open((root) => {
      units(root, trains);
      const behavior = typed(root.create_group('processing'), 'behavior', 'ProcessingModule');
      for (const [name, series] of made) writeSeries(behavior, name, series);
    });
    expect(recording.trials.length).toBe(1);
    expect(spikeTimes(recording.trials[0]!)).toEqual(trains);
    const { variables } = recording.trials[0]!;
    const where = `${kind} of ${bad}; ${notes.join(' | ')}`;
    expect(Object.keys(variables).sort(), where).toEqual(
      NAMES.filter((name) => name !== bad).sort(),
    );
    for (const [name, { values }] of made)
      if (name !== bad) expect(Array.from(variables[name]!.values, Number), name).toEqual(values);
    expect(notes.join(' '), where).toContain(bad);
  },
);
