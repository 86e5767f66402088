/** YAML files as plain objects; whatever is wrong with a file is one sentence. */

import { parseDocument, stringify, YAMLError } from 'yaml';
import { ConfigError, formatValue, isRecord } from './schema.js';

/**
 * The keys and values of a YAML text.
 *
 * @param name what messages call the text.
 * @throws ConfigError where it is not valid YAML, or its top level has no keys.
 */
export function parseYaml(text: string, name: string): Record<string, unknown> {
  const parsed = parseYamlValue(text, name);
  if (isRecord(parsed)) return parsed;
  throw new ConfigError(`${name} should contain keys with values, but is ${formatValue(parsed)}.`);
}

/**
 * The value of a YAML text.
 *
 * @param name what messages call the text.
 * @throws ConfigError where it is not valid YAML or contains itself, or where the parser would have
 *   to guess, as at an unknown tag.
 */
export function parseYamlValue(text: string, name: string): unknown {
  try {
    const document = parseDocument(text);
    const problem = document.errors[0] ?? document.warnings[0];
    if (problem) throw problem;
    const value: unknown = document.toJS();
    if (containsItself(value)) throw new Error('an alias stands for what contains it');
    return value;
  } catch (error) {
    if (!(error instanceof YAMLError)) {
      // The parser names undefined aliases, and those that stand for too much, in plain errors.
      const reason =
        error instanceof RangeError ? 'it is nested too deeply' : (error as Error).message;
      throw new ConfigError(`${name} is not usable YAML: ${reason}.`);
    }
    const line = error.linePos?.[0].line ?? '?';
    const [reason = ''] = error.message.split(' at line ');
    if (reason.includes('call stack'))
      throw new ConfigError(`${name} is not usable YAML: it is nested too deeply.`);
    throw new ConfigError(`${name} is not valid YAML: line ${line}: ${reason}.`);
  }
}

/**
 * Whether a value is inside itself.
 *
 * @param around the values that it is inside of
 * @param clear values that are known not to be inside themselves
 */
function containsItself(
  value: unknown,
  around = new Set<unknown>(),
  clear = new Set<unknown>(),
): boolean {
  if (typeof value !== 'object' || value === null || clear.has(value)) return false;
  if (around.has(value)) return true;
  around.add(value);
  const found = Object.values(value).some((item) => containsItself(item, around, clear));
  around.delete(value);
  clear.add(value);
  return found;
}

/**
 * Runs a check of a file's contents.
 *
 * @throws ConfigError of the check, with the file's name before its message.
 */
export function checkFile<T>(name: string, check: () => T): T {
  try {
    return check();
  } catch (error) {
    if (error instanceof ConfigError) throw new ConfigError(`${name}: ${error.message}`);
    throw error;
  }
}

/** A key with its value as YAML in one line, such as `trials: {starts: a.npz#starts}`. */
export function formatYamlEntry(key: string, value: unknown): string {
  return formatYamlLine({ [key]: value }).slice(1, -1);
}

/** A value as YAML in one line, such as `{spikes: {times: a.npz#t, neurons: a.npz#ids}}`. */
export function formatYamlLine(value: unknown): string {
  return stringify(value, {
    collectionStyle: 'flow',
    flowCollectionPadding: false,
    lineWidth: 0,
  }).trim();
}
