/** Vocabularies of a model that is fine-tuned from another. */

import { tokenizerFor } from '../neuroformer/batch.js';
import type { ModelConfig } from '../neuroformer/config.js';
import { configuredVariables, decodedPeriod, hasPerceptron } from '../neuroformer/variables.js';
import type { Recording } from '../recording/recording.js';
import { Tokenizer } from '../recording/tokenizer.js';

/**
 * The vocabularies of a model that is fine-tuned from another.
 *
 * Neurons are those of the earlier model. Times follow the new configuration. Classes are kept if
 * they cover all classes of the new recording, and are otherwise the recording's. Scales, those of
 * spike counts as well, are kept, because the weights were trained with them.
 */
export function finetunedTokenizer(
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
  const classes = Object.entries(fresh.classes).map(([name, recorded]) => {
    const previous = before.toJSON().classes[name];
    const vocabulary = before.classes[name];
    const covered =
      previous?.resolution === recorded.resolution &&
      recorded.values.every((value) => vocabulary?.find(value) !== undefined);
    return [name, previous && covered ? previous : recorded] as const;
  });
  const { counts } = before;
  const countsRead = hasPerceptron(config) ? config.readout.bins * before.ids.neurons : 0;
  return new Tokenizer({
    ...fresh,
    neurons: before.ids.neurons,
    classes: Object.fromEntries(classes),
    scales: Object.fromEntries(scales),
    ...(counts?.means.length === countsRead && { counts }),
  });
}
