/** Vocabularies of a model that begins from another. */

import { tokenizerFor } from '../neuroformer/batch.js';
import type { ModelConfig } from '../neuroformer/config.js';
import { configuredVariables, decodedPeriod } from '../neuroformer/variables.js';
import type { Recording } from '../recording/recording.js';
import { Tokenizer } from '../recording/tokenizer.js';

/**
 * The vocabularies of a model that begins from another: its neurons, times by the new configuration, and the classes it
 * knew wherever they cover the new recording's. What its numbers were scaled by stays, as its weights know no other.
 */
export function tokenizerAfter(
  before: Tokenizer,
  config: ModelConfig,
  recording: Recording,
): Tokenizer {
  const fresh = tokenizerFor(config, recording).toJSON();
  const scales = configuredVariables(config).flatMap(({ name, setting }) => {
    const scale = before.scales[name];
    // A scale fits only a variable of the same kind and unit.
    return scale && scale.period === decodedPeriod(setting)
      ? [[name, scale.toJSON()] as const]
      : [];
  });
  const classes = Object.entries(fresh.classes).map(([name, own]) => {
    const known = before.toJSON().classes[name];
    const vocabulary = before.classes[name];
    const covered =
      known?.resolution === own.resolution &&
      own.values.every((value) => vocabulary?.find(value) !== undefined);
    return [name, known && covered ? known : own] as const;
  });
  return new Tokenizer({
    ...fresh,
    neurons: before.ids.neurons,
    classes: Object.fromEntries(classes),
    scales: Object.fromEntries(scales),
  });
}
