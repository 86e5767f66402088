/** Options as numbers and lists: what does not fit is one sentence. */

import { InvalidArgumentError } from 'commander';
import { parse, YAMLParseError } from 'yaml';
import { readYamlFile } from '../node/config-file.js';
import { UsageError } from '../stages/errors.js';
import { ConfigError, isRecord, nearest } from '../text/schema.js';

/** Reads a number of one kind; nothing at all is none. */
function numeric(kind: string, fits: (value: number) => boolean): (text: string) => number {
  return (text) => {
    const value = text.trim() === '' ? Number.NaN : Number(text);
    if (!Number.isFinite(value) || !fits(value))
      throw new InvalidArgumentError(`It should be ${kind}.`);
    return value;
  };
}

export const parsePositive = numeric('a number above 0', (value) => value > 0);
export const parseWhole = numeric('a whole number from 0', (n) => Number.isInteger(n) && n >= 0);
export const parseCount = numeric('a whole number from 1', (n) => Number.isInteger(n) && n >= 1);
/** Above 0, so that something is left. */
export const parseShare = numeric('a number above 0, and at most 1', (p) => p > 0 && p <= 1);
/** Such as a temperature. */
export const parseNonNegative = numeric('a number from 0', (value) => value >= 0);

/** Neurons by number: '3,5,8'. */
export function parseNeurons(text: string): number[] {
  return text.split(',').map(parseWhole);
}

/** Neurons with rates in Hz: '5:40,6:40'. */
export function parseRates(text: string): Record<number, number> {
  return Object.fromEntries(
    text.split(',').map((pair) => {
      const [neuron = '', rate = '', ...more] = pair.split(':');
      const hertz = parsePositive(rate);
      if (more.length > 0 || hertz > 1000)
        throw new InvalidArgumentError('It should be neuron:rate, with a rate of at most 1000 Hz.');
      return [parseWhole(neuron), hertz] as const;
    }),
  );
}

/** A setting on the command line: 'training.rate=0.001'. */
export function collectSetting(text: string, before: readonly string[] = []): string[] {
  if (!/^[^=]+=/.test(text)) throw new InvalidArgumentError('It should be key=value.');
  return [...before, text];
}

/** The model's and the training settings of a file, single ones replaced. */
export function readSettings(path: string | undefined, replaced: readonly string[] = []) {
  const raw = path === undefined ? {} : readYamlFile(path);
  for (const entry of replaced) {
    const at = entry.indexOf('=');
    const keys = entry.slice(0, at).split('.');
    place(raw, keys, parseValue(entry, entry.slice(at + 1)));
  }
  const { training, ...model } = raw;
  const meant = Object.keys(model).find((key) => nearest(key, ['training']));
  if (meant !== undefined) throw new ConfigError(`${meant} is not known; did you mean training?`);
  return { model, training: training ?? {} };
}

function parseValue(entry: string, text: string): unknown {
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
