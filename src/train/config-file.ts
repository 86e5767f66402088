/** Configurations from files, YAML or JSON. */

import { readFileSync } from 'node:fs';
import { parse, YAMLParseError } from 'yaml';
import { type ParsedConfig, parseConfig } from '../neuroformer/config.js';
import { ConfigError } from '../schema.js';

/**
 * Reads a configuration file, the original's among others.
 *
 * @throws ConfigError naming the file and what is wrong in it: it is missing, no YAML, or no configuration.
 */
export function readConfigFile(path: string): ParsedConfig {
  try {
    return parseConfig(parse(readText(path)));
  } catch (error) {
    if (error instanceof YAMLParseError) {
      const line = error.linePos?.[0].line ?? '?';
      const [reason] = error.message.split(' at line ');
      throw new ConfigError(`${path} is no valid YAML: line ${line}: ${reason}.`);
    }
    if (error instanceof ConfigError && !error.message.startsWith(path))
      throw new ConfigError(`${path}: ${error.message}`);
    throw error;
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const reason = code === 'ENOENT' ? 'there is no such file' : code;
    throw new ConfigError(`${path} cannot be read: ${reason}; give the path of a YAML file.`);
  }
}
