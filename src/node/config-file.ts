/** Configurations from files, YAML or JSON. */

import { type ParsedConfig, parseConfig } from '../neuroformer/config.js';
import { readWhole } from '../ports/byte-source.js';
import { SourceError } from '../ports/errors.js';
import { ConfigError } from '../text/schema.js';
import { checkFile, parseYaml } from '../text/yaml.js';
import { diskSource } from './disk-source.js';

/**
 * Reads a file of keys with values.
 *
 * @throws ConfigError naming the file: it cannot be read, is not YAML, or holds something else.
 */
export function readYamlFile(path: string): Record<string, unknown> {
  try {
    return parseYaml(new TextDecoder().decode(readWhole(diskSource(path))), path);
  } catch (error) {
    if (!(error instanceof SourceError)) throw error;
    throw new ConfigError(
      `${path} cannot be read: ${error.message}; give the path of a YAML file.`,
    );
  }
}

/**
 * Reads a configuration file, the original's among others; training settings in it are left aside.
 *
 * @throws ConfigError naming the file and what is wrong in it: it is missing, not YAML, or not a configuration.
 */
export function readConfigFile(path: string): ParsedConfig {
  const { training: _, ...model } = readYamlFile(path);
  return checkFile(path, () => parseConfig(model));
}
