/** Reads configuration files in YAML or JSON. */

import { type ParsedConfig, parseConfig } from '../neuroformer/config.js';
import { readAllBytes } from '../ports/byte-source.js';
import { SourceError } from '../ports/errors.js';
import { ConfigError } from '../text/schema.js';
import { checkFile, parseYaml } from '../text/yaml.js';
import { diskSource } from './disk-source.js';

/**
 * Reads a YAML or JSON file whose top level is keys with values.
 *
 * @throws ConfigError naming the file where it is not valid YAML or its top level has no keys, or
 *   where it does not exist.
 * @throws FileError where it cannot be read to its end.
 */
export function readYamlFile(path: string): Record<string, unknown> {
  try {
    return parseYaml(new TextDecoder().decode(readAllBytes(diskSource(path))), path);
  } catch (error) {
    if (!(error instanceof SourceError)) throw error;
    throw new ConfigError(
      `${path} cannot be read: ${error.message}; give the path of a YAML file.`,
    );
  }
}

/**
 * Reads the configuration of a model. Files of the original implementation work unchanged. The
 * settings under `training` are ignored.
 *
 * @throws ConfigError naming the file and what is wrong: it does not exist, is not YAML, or is not
 *   a valid configuration.
 */
export function readConfigFile(path: string): ParsedConfig {
  const { training: _, ...model } = readYamlFile(path);
  return checkFile(path, () => parseConfig(model));
}
