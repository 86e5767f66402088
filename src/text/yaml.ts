/** YAML as plain objects: what is wrong with a file is one sentence. */

import { parse, YAMLParseError } from 'yaml';
import { ConfigError, isRecord, show } from './schema.js';

/**
 * The keys and values of a YAML text.
 *
 * @param name what messages call it.
 * @throws ConfigError where it is not valid YAML, or holds something else.
 */
export function parseYaml(text: string, name: string): Record<string, unknown> {
  try {
    const raw: unknown = parse(text);
    if (!isRecord(raw))
      throw new ConfigError(`${name} should hold keys with values, but is ${show(raw)}.`);
    return raw;
  } catch (error) {
    if (!(error instanceof YAMLParseError)) throw error;
    const line = error.linePos?.[0].line ?? '?';
    const [reason] = error.message.split(' at line ');
    throw new ConfigError(`${name} is not valid YAML: line ${line}: ${reason}.`);
  }
}

/** Runs a check of what a file holds; its message begins with the file's name. */
export function checkFile<T>(name: string, check: () => T): T {
  try {
    return check();
  } catch (error) {
    if (error instanceof ConfigError) throw new ConfigError(`${name}: ${error.message}`);
    throw error;
  }
}
