/** Reads the configuration file of `--config`, with the changes of `--set`. */

import { parseConfig } from '../neuroformer/config.js';
import { readYamlFile } from '../node/config-file.js';
import { UsageError } from '../stages/errors.js';
import { ConfigError, isRecord, nearest } from '../text/schema.js';
import { checkFile, parseYamlValue } from '../text/yaml.js';
import { parseTrainSettings } from '../train/settings.js';

/** The model's configuration and the training settings, both unchecked. */
export interface RawSettings {
  readonly model: Record<string, unknown>;
  readonly training: unknown;
}

/**
 * Reads a configuration file, applies the settings of `--set` to it, and checks the result.
 *
 * @param path of a YAML file; undefined is an empty configuration.
 * @param settings texts of the form key=value, where the key is a path such as training.rate.
 * @param check throws ConfigError where something is wrong. What is wrong in the file without the
 *   settings is reported with the file's name.
 * @param dataOption how the command is given a recording, for the user who confuses the two files.
 * @throws ConfigError where the file cannot be read, is not YAML, misspells `training`, or does not
 *   pass the check; UsageError where a value of `settings` is not YAML.
 */
export function readSettings<T>(
  path: string | undefined,
  settings: readonly string[],
  check: (raw: RawSettings) => T,
  dataOption = 'with --data',
): T {
  const contents = path === undefined ? {} : readYamlFile(path);
  if ('spikes' in contents)
    throw new ConfigError(`${path} describes a recording; give it ${dataOption}.`);
  const checkWith = (applied: readonly string[]) =>
    check(splitTraining(changed(contents, applied)));
  try {
    return checkWith(settings);
  } catch (error) {
    const isInFile =
      settings.length === 0 || messageOf(() => checkWith([])) === (error as Error).message;
    if (path !== undefined && isInFile)
      checkFile(path, () => {
        throw error;
      });
    throw error;
  }
}

/** Reads the configuration of a new model and its training, and checks both, as `readSettings`. */
export function readNewSettings(path: string | undefined, settings: readonly string[] = []) {
  return readSettings(path, settings, ({ model, training }) => ({
    ...parseConfig(model),
    settings: parseTrainSettings(training),
  }));
}

/** The message of the error that a function throws; undefined where it throws none. */
function messageOf(run: () => unknown): string | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

/** A copy of a configuration with the settings of `--set`. */
function changed(
  contents: Readonly<Record<string, unknown>>,
  settings: readonly string[],
): Record<string, unknown> {
  const copy = structuredClone(contents);
  for (const setting of settings) {
    const separator = setting.indexOf('=');
    const keys = setting.slice(0, separator).split('.');
    assign(copy, keys, parseValue(setting, setting.slice(separator + 1)));
  }
  return copy;
}

function splitTraining({ training, ...model }: Record<string, unknown>): RawSettings {
  const misspelled = Object.keys(model).find((key) => nearest(key, ['training']));
  if (misspelled !== undefined)
    throw new ConfigError(`${misspelled} is not known; did you mean training?`);
  return { model, training: training ?? {} };
}

function parseValue(setting: string, text: string): unknown {
  try {
    return parseYamlValue(text, setting);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
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
