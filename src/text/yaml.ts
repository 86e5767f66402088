/** YAML files as plain objects; whatever is wrong with a file is one sentence. */

import { parse, stringify, YAMLParseError } from 'yaml';
import { ConfigError, formatValue, isRecord } from './schema.js';

/**
 * The keys and values of a YAML text.
 *
 * @param name what messages call the text.
 * @throws ConfigError where it is not valid YAML, or its top level has no keys.
 */
export function parseYaml(text: string, name: string): Record<string, unknown> {
  try {
    const parsed: unknown = parse(text);
    if (!isRecord(parsed))
      throw new ConfigError(
        `${name} should contain keys with values, but is ${formatValue(parsed)}.`,
      );
    return parsed;
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    if (!(error instanceof YAMLParseError)) {
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
