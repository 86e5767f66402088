/** Options as numbers and lists: what does not fit is one sentence. */

import { InvalidArgumentError } from 'commander';
import { parse, YAMLParseError } from 'yaml';
import { readYaml } from '../data/yaml.js';
import { isRecord } from '../schema.js';
import { UsageError } from './terminal.js';

/** Text as a number; nothing at all is none. */
function numberOf(text: string): number {
  return text.trim() === '' ? Number.NaN : Number(text);
}

export function positive(text: string): number {
  const value = numberOf(text);
  if (!(value > 0) || !Number.isFinite(value))
    throw new InvalidArgumentError('It should be a number above 0.');
  return value;
}

export function whole(text: string): number {
  const value = numberOf(text);
  if (!Number.isInteger(value) || value < 0)
    throw new InvalidArgumentError('It should be a whole number from 0.');
  return value;
}

export function count(text: string): number {
  const value = numberOf(text);
  if (!Number.isInteger(value) || value < 1)
    throw new InvalidArgumentError('It should be a whole number from 1.');
  return value;
}

/** A probability above 0. */
export function probability(text: string): number {
  const value = numberOf(text);
  if (!(value > 0 && value <= 1))
    throw new InvalidArgumentError('It should be a number above 0, and at most 1.');
  return value;
}

/** A number from 0, such as a temperature. */
export function notNegative(text: string): number {
  const value = numberOf(text);
  if (!(value >= 0) || !Number.isFinite(value))
    throw new InvalidArgumentError('It should be a number from 0.');
  return value;
}

/** Neurons by number: '3,5,8'. */
export function neurons(text: string): number[] {
  return text.split(',').map(whole);
}

/** Neurons with rates in Hz: '5:40,6:40'. */
export function rates(text: string): Record<number, number> {
  return Object.fromEntries(
    text.split(',').map((pair) => {
      const [neuron = '', rate = '', ...more] = pair.split(':');
      const hertz = positive(rate);
      if (more.length > 0 || hertz > 1000)
        throw new InvalidArgumentError('It should be neuron:rate, with a rate of at most 1000 Hz.');
      return [whole(neuron), hertz] as const;
    }),
  );
}

/** A setting on the command line: 'training.rate=0.001'. */
export function setting(text: string, before: readonly string[] = []): string[] {
  if (!/^[^=]+=/.test(text)) throw new InvalidArgumentError('It should be key=value.');
  return [...before, text];
}

/** The model's and the training settings of a file, single ones replaced. */
export function readSettings(path: string | undefined, replaced: readonly string[] = []) {
  const raw = path === undefined ? {} : readYaml(path);
  for (const entry of replaced) {
    const at = entry.indexOf('=');
    const keys = entry.slice(0, at).split('.');
    place(raw, keys, parsedValue(entry, entry.slice(at + 1)));
  }
  const { training, ...model } = raw;
  return { model, training: training ?? {} };
}

function parsedValue(entry: string, text: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof YAMLParseError)) throw error;
    throw new UsageError(`--set ${entry} is no setting: what follows = is no valid YAML.`);
  }
}

function place(into: Record<string, unknown>, keys: readonly string[], value: unknown): void {
  const [first, ...rest] = keys as [string, ...string[]];
  if (first === '__proto__') throw new UsageError('--set cannot change __proto__.');
  if (rest.length === 0) {
    into[first] = value;
    return;
  }
  const inner = isRecord(into[first]) ? into[first] : {};
  into[first] = inner;
  place(inner, rest, value);
}
