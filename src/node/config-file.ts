/** Configurations from files, YAML or JSON. */

import { type ParsedConfig, parseConfig } from '../neuroformer/config.js';
import { ofFile, readYaml } from '../text/yaml.js';

/**
 * Reads a configuration file, the original's among others; training settings in it are left aside.
 *
 * @throws ConfigError naming the file and what is wrong in it: it is missing, no YAML, or no configuration.
 */
export function readConfigFile(path: string): ParsedConfig {
  const { training: _, ...model } = readYaml(path);
  return ofFile(path, () => parseConfig(model));
}
