/** YAML files as plain objects: what is wrong with one is one sentence. */

import { readFileSync } from 'node:fs';
import { parse, YAMLParseError } from 'yaml';
import { reasonOf } from '../recording/errors.js';
import { ConfigError, isRecord, show } from './schema.js';

/**
 * Reads a file of keys with values.
 *
 * @throws ConfigError naming the file: it cannot be read, is no YAML, or holds something else.
 */
export function readYaml(path: string): Record<string, unknown> {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new ConfigError(
      `${path} cannot be read: ${reasonOf(error, 'file')}; give the path of a YAML file.`,
    );
  }
  try {
    const raw: unknown = parse(text);
    if (!isRecord(raw))
      throw new ConfigError(`${path} should hold keys with values, but is ${show(raw)}.`);
    return raw;
  } catch (error) {
    if (!(error instanceof YAMLParseError)) throw error;
    const line = error.linePos?.[0].line ?? '?';
    const [reason] = error.message.split(' at line ');
    throw new ConfigError(`${path} is no valid YAML: line ${line}: ${reason}.`);
  }
}

/** Runs a check of what a file holds; its complaint begins with the file's name. */
export function ofFile<T>(path: string, check: () => T): T {
  try {
    return check();
  } catch (error) {
    if (error instanceof ConfigError) throw new ConfigError(`${path}: ${error.message}`);
    throw error;
  }
}
