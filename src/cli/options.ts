/** Parsers of option values. Invalid values are refused with one sentence. */

import { InvalidArgumentError } from 'commander';
import { parse, YAMLParseError } from 'yaml';
import { readYamlFile } from '../node/config-file.js';
import { UsageError } from '../stages/errors.js';
import { ConfigError, isRecord, nearest } from '../text/schema.js';

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

/** Parses indices of neurons such as '3,5,8'. @throws InvalidArgumentError */
export function parseNeurons(text: string): number[] {
  return text.split(',').map(parseWhole);
}

/** Parses indices of neurons with rates in Hz, such as '5:40,6:40'. @throws InvalidArgumentError */
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

/**
 * Adds a setting such as 'training.rate=0.001' to the previous ones.
 *
 * @throws InvalidArgumentError if it has no key.
 */
export function collectSetting(text: string, previous: readonly string[] = []): string[] {
  if (!/^[^=]+=/.test(text)) throw new InvalidArgumentError('It should be key=value.');
  return [...previous, text];
}

/**
 * Reads a configuration file and applies the settings of `--set` to it.
 *
 * @param path of a YAML file; undefined is an empty configuration.
 * @param settings texts of the form key=value, where the key is a path such as training.rate.
 * @returns the model's configuration and the training settings, both unchecked.
 * @throws ConfigError where the file cannot be read, is not YAML, or misspells `training`;
 *   UsageError where a value
 * of `settings` is not YAML.
 */
export function readSettings(path: string | undefined, settings: readonly string[] = []) {
  const raw = path === undefined ? {} : readYamlFile(path);
  for (const setting of settings) {
    const separator = setting.indexOf('=');
    const keys = setting.slice(0, separator).split('.');
    assign(raw, keys, parseValue(setting, setting.slice(separator + 1)));
  }
  const { training, ...model } = raw;
  const misspelled = Object.keys(model).find((key) => nearest(key, ['training']));
  if (misspelled !== undefined)
    throw new ConfigError(`${misspelled} is not known; did you mean training?`);
  return { model, training: training ?? {} };
}

function parseValue(setting: string, text: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof YAMLParseError)) throw error;
    throw new UsageError(`--set ${setting} is not a setting: the value after = is not valid YAML.`);
  }
}

/** Sets the value at a path of keys, creating the objects on the way. */
function assign(target: Record<string, unknown>, keys: readonly string[], value: unknown): void {
  const [key, ...rest] = keys as [string, ...string[]];
  if (key === '__proto__') throw new UsageError('--set cannot change __proto__.');
  if (rest.length === 0) {
    target[key] = value;
    return;
  }
  const inner = isRecord(target[key]) ? target[key] : {};
  target[key] = inner;
  assign(inner, rest, value);
}
