/** Guesses at spike times: their unit, and when their session starts. */

import type { Numbers } from '../formats/nodes.js';
import { lastName, unitInName } from './array-names.js';
import type { NumericArray } from './arrays-in-file.js';

/** A unit of time, as dataset.yaml writes it. */
export interface TimeUnit {
  /** Such as `ms` or `1/30000`. */
  readonly name: string;
  readonly seconds: number;
}

const SECOND: TimeUnit = { name: 's', seconds: 1 };
const UNITS: readonly TimeUnit[] = [
  SECOND,
  { name: 'ms', seconds: 1e-3 },
  { name: 'us', seconds: 1e-6 },
];
/** Sampling rates at which spikes are most often recorded, Hz. */
const USUAL_RATES = [30_000, 20_000, 24_414.0625, 25_000, 40_000, 32_000, 10_000];

/** Hz: a lower mean rate more likely means that times are in another unit. */
const MIN_PLAUSIBLE_RATE = 0.02;
/** Hz: neurons that are recorded together seldom fire faster than this on average. */
const MAX_PLAUSIBLE_RATE = 40;

/**
 * Samples: neurons rest longer than that between two spikes, at any rate at which spikes are
 * recorded. As milliseconds, only neurons that never burst rest so long.
 */
const MIN_INTERVAL = 10;

/** Spike times whose unit is to be guessed. */
export interface TimesToGuess {
  /** The path of the array, which may name the unit. */
  readonly path: string;
  readonly times: Numbers;
  readonly neurons: number;
  /** How many trials there are, where times count from the start of their trial. */
  readonly trials?: number;
  /**
   * The times of each neuron, in each trial. It is called only where intervals between them have to
   * tell units apart.
   */
  readonly lists: () => Iterable<ArrayLike<number>>;
}

/** The sampling rate that a file states, Hz; undefined where it states none. */
function statedSamplingRate(arrays: readonly NumericArray[]): number | undefined {
  const stated = arrays.find(
    ({ path, values }) =>
      values.length === 1 &&
      /^(fs|sr|sample_?rate|sampling_?rate|samp_?rate|sampling_?freq(uency)?|sample_?freq(uency)?)(_?hz)?$/i.test(
        lastName(path),
      ) &&
      values[0]! >= 1000,
  );
  return stated?.values[0];
}

/** A unit that spike times may have, and why. */
export interface GuessedUnit {
  readonly unit: TimeUnit;
  /** A sentence where it is not seconds. */
  readonly notes: readonly string[];
  /** The mean rate of neurons in words, for a question. */
  readonly words: string;
}

/**
 * Guesses the unit of spike times: what their name says; samples where they are whole numbers and
 * the file states a sampling rate; else the largest of s, ms and us in which neurons fire at a
 * plausible mean rate.
 *
 * @returns two units where whole numbers may as well be samples at a usual rate
 */
export function guessTimeUnit(
  { path, times, neurons, trials, lists }: TimesToGuess,
  arrays: readonly NumericArray[],
): GuessedUnit[] {
  const { min: first, max: end } = rangeOf(times);
  const span = (trials === undefined ? end - Math.min(first, end) : trials * end) || 1;
  const rateIn = ({ seconds }: TimeUnit) => times.length / neurons / (span * seconds);
  const guess = (unit: TimeUnit, note?: string): GuessedUnit => ({
    unit,
    notes: note === undefined ? [] : [note],
    words: `${unit.name} (${rateIn(unit).toPrecision(2)} Hz per neuron)`,
  });
  const named = unitInName(lastName(path));
  const stated = UNITS.find(({ name }) => name === named);
  if (stated === SECOND) return [guess(SECOND)];
  if (stated) return [guess(stated, `Spike times are in ${stated.name}, as ${path} says.`)];
  const isWhole = areWhole(times);
  const rate = statedSamplingRate(arrays);
  if (isWhole && rate !== undefined && rateIn(SECOND) < MIN_PLAUSIBLE_RATE) {
    const samples = samplesAt(rate);
    return [
      guess(
        samples,
        `Spike times are whole numbers and the file states a sampling rate of ${rate} Hz, so they are read as samples: neurons fire at ${rateIn(samples).toPrecision(2)} Hz on average.`,
      ),
    ];
  }
  const unit = UNITS.find((candidate) => rateIn(candidate) >= MIN_PLAUSIBLE_RATE) ?? SECOND;
  if (unit === SECOND) return [guess(unit)];
  const guessed = guess(
    unit,
    `Spike times look like ${unit.name}: read as seconds, neurons would fire at ${rateIn(SECOND).toPrecision(2)} Hz on average; read as ${unit.name}, at ${rateIn(unit).toPrecision(2)} Hz. If that is wrong, set the unit in a dataset.yaml, such as spikes.unit: 1/30000 for samples at 30 kHz.`,
  );
  const samples = USUAL_RATES.map(samplesAt).find((candidate) => isPlausible(rateIn(candidate)));
  if (!isWhole || !samples || !isPlausible(rateIn(unit))) return [guessed];
  return shortestInterval(lists()) < MIN_INTERVAL ? [guessed] : [guessed, guess(samples)];
}

function samplesAt(rate: number): TimeUnit {
  return { name: `1/${rate}`, seconds: 1 / rate };
}

function isPlausible(rate: number): boolean {
  return rate >= MIN_PLAUSIBLE_RATE && rate <= MAX_PLAUSIBLE_RATE;
}

/** The shortest time between two spikes of the same list; infinite where no list has two. */
function shortestInterval(lists: Iterable<ArrayLike<number>>): number {
  let shortest = Number.POSITIVE_INFINITY;
  for (const list of lists) {
    const sorted = Float64Array.from(list).sort();
    for (let n = 1; n < sorted.length; n++) {
      const interval = sorted[n]! - sorted[n - 1]!;
      if (interval > 0 && interval < shortest) shortest = interval;
    }
  }
  return shortest;
}

/** Whether all values are whole numbers. */
export function areWhole(values: Numbers): boolean {
  return values.every((value) => Number.isInteger(value));
}

/** Whether numbers never fall; NaN do. */
export function isAscending(values: Numbers): boolean {
  return values.every((time, n) => (n === 0 ? !Number.isNaN(time) : time >= values[n - 1]!));
}

/** The sum of all values. */
export function sumOf(values: Numbers): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum;
}

/** The smallest and the largest value, without NaN; 0 where there are none. */
export function rangeOf(values: Numbers): { min: number; max: number } {
  let [min, max] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of values) {
    if (value < min) min = value;
    if (value > max) max = value;
  }
  return min <= max ? { min, max } : { min: 0, max: 0 };
}
