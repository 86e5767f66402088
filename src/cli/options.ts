/** Parsers of option values. Invalid values are refused with one sentence. */

import { InvalidArgumentError } from 'commander';
import { MAX_THREADS } from '../cpu/index.js';

/** A parser of numbers that pass a check. An empty text is not a number. */
function numberParser(kind: string, isValid: (value: number) => boolean): (text: string) => number {
  return (text) => {
    const value = text.trim() === '' ? Number.NaN : Number(text);
    if (!Number.isFinite(value) || !isValid(value))
      throw new InvalidArgumentError(`It should be ${kind}.`);
    return value;
  };
}

/** Parses a number above 0. @throws InvalidArgumentError */
export const parsePositive = numberParser('a number above 0', (value) => value > 0);
/** Parses a whole number, 0 or more, such as a seed. @throws InvalidArgumentError */
export const parseWhole = numberParser(
  'a whole number, 0 or more',
  (value) => Number.isInteger(value) && value >= 0,
);
/** Parses a whole number, 1 or more, such as a number of trials. @throws InvalidArgumentError */
export const parseCount = numberParser(
  'a whole number, 1 or more',
  (value) => Number.isInteger(value) && value >= 1,
);
/**
 * Parses a share or a probability that leaves something: above 0, at most 1.
 *
 * @throws InvalidArgumentError
 */
export const parseShare = numberParser(
  'a number above 0 and at most 1',
  (value) => value > 0 && value <= 1,
);
/** Parses a number, 0 or more, such as a temperature. @throws InvalidArgumentError */
export const parseNonNegative = numberParser('a number, 0 or more', (value) => value >= 0);

/** A parser of lists whose items, separated by commas, all pass a check. */
function listParser(kind: string, isValid: (value: number) => boolean): (text: string) => number[] {
  return (text) => {
    const values = text.split(',').map((item) => (item.trim() === '' ? Number.NaN : Number(item)));
    if (!values.every((value) => Number.isFinite(value) && isValid(value)))
      throw new InvalidArgumentError(`It should be ${kind}.`);
    return values;
  };
}

/** Parses indices of neurons such as '3,5,8'. @throws InvalidArgumentError */
export const parseNeurons = listParser(
  'a list of whole numbers, such as 5,6',
  (value) => Number.isInteger(value) && value >= 0,
);

/** Parses names such as 'x,y'; quotes are not needed. @throws InvalidArgumentError */
export function parseNames(text: string): string[] {
  const names = text.split(',').map((name) => name.trim());
  if (names.includes('')) throw new InvalidArgumentError('It should be names such as x,y.');
  return [...new Set(names)];
}

/** Parses a range of delays in ms, such as '2-5'. @throws InvalidArgumentError */
export function parseDelays(text: string): [shortest: number, longest: number] {
  const [, shortest, longest] = /^\s*(\d+)\s*-\s*(\d+)\s*$/.exec(text) ?? [];
  if (longest === undefined || Number(shortest) < 1 || Number(longest) < Number(shortest))
    throw new InvalidArgumentError('It should be a range of whole milliseconds, such as 2-5.');
  return [Number(shortest), Number(longest)];
}

const countList = listParser(
  'a list of whole numbers, 1 or more, such as 10,30',
  (value) => Number.isInteger(value) && value >= 1,
);

/** Parses counts such as '10,30', and sorts them ascending. @throws InvalidArgumentError */
export function parseCounts(text: string): number[] {
  return countList(text).sort((p, q) => p - q);
}

const shareList = listParser(
  'a list of numbers above 0 and at most 1, such as 0.1,1',
  (value) => value > 0 && value <= 1,
);

/** Parses shares such as '0.01,0.1,1', and sorts them ascending. @throws InvalidArgumentError */
export function parseShares(text: string): number[] {
  return shareList(text).sort((p, q) => p - q);
}

/** Hz. No neuron can be driven faster. */
const MAX_DRIVE = 1000;

/** Parses indices of neurons with rates in Hz, such as '5:40,6:40'. @throws InvalidArgumentError */
export function parseRates(text: string): Record<number, number> {
  const rates = new Map<number, number>();
  for (const pair of text.split(',')) {
    const [, neuron = '', rate = ''] = /^\s*(\d+):\s*([^\s:]+)\s*$/.exec(pair) ?? [];
    if (rate === '' || !Number.isFinite(Number(rate)) || rates.has(Number(neuron)))
      throw new InvalidArgumentError(
        'It should be neuron:rate pairs such as 5:40,6:40, each neuron once.',
      );
    if (Number(rate) <= 0 || Number(rate) > MAX_DRIVE)
      throw new InvalidArgumentError(`A rate should be above 0 and at most ${MAX_DRIVE} Hz.`);
    rates.set(Number(neuron), Number(rate));
  }
  return Object.fromEntries(rates);
}

/** Parses a number of CPU threads. @throws InvalidArgumentError */
export const parseThreads = numberParser(
  `a whole number from 1 to ${MAX_THREADS}`,
  (value) => Number.isInteger(value) && value >= 1 && value <= MAX_THREADS,
);

/**
 * Adds a setting such as 'training.rate=0.001' to the previous ones.
 *
 * @throws InvalidArgumentError if it has no key.
 */
export function collectSetting(text: string, previous: readonly string[] = []): string[] {
  if (!/^[^=]+=/.test(text)) throw new InvalidArgumentError('It should be key=value.');
  return [...previous, text];
}

/** The option of commands that train a new model, which changes single settings of its file. */
export const SET_OPTION = [
  '--set <key=value>',
  'change a setting, such as training.steps=500; repeatable',
  collectSetting,
] as const;
