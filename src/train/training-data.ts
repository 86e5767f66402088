/** From a recording to what a run trains on: windows, split, vocabularies, batches. */

import { BatchLayout, standardized, tokenizerFor, windowSettings } from '../neuroformer/batch.js';
import type { ModelConfig } from '../neuroformer/config.js';
import {
  type ConfiguredVariable,
  configuredVariables,
  decodedPeriod,
} from '../neuroformer/variables.js';
import { RecordingError } from '../recording/errors.js';
import { fingerprint } from '../recording/fingerprint.js';
import { type Recording, variableNames } from '../recording/recording.js';
import { type Split, type SplitSettings, splitWindows, thinned } from '../recording/splits.js';
import type { Tokenizer } from '../recording/tokenizer.js';
import { measureTruncation, type Truncation, truncationNotes } from '../recording/truncation.js';
import { Windows } from '../recording/windows.js';
import type { TrainSettings } from './settings.js';

/** What a run trains on. */
export interface TrainingData {
  readonly windows: Windows;
  readonly split: Split;
  readonly layout: BatchLayout;
  readonly config: ModelConfig;
  readonly tokenizer: Tokenizer;
  /** Of the recording. */
  readonly fingerprint: string;
}

/**
 * Windows, split and batches of a recording.
 *
 * @param tokenizer the one a model was trained with; default: one made for the recording.
 */
export function prepare(
  recording: Recording,
  config: ModelConfig,
  settings: TrainSettings,
  tokenizer: Tokenizer = tokenizerFor(config, recording),
): TrainingData {
  if (tokenizer.ids.neurons !== recording.neurons) {
    throw new RecordingError(
      `The model knows ${tokenizer.ids.neurons} neurons, but the recording has ${recording.neurons}: give it a recording of the same neurons, or train a model of its own.`,
    );
  }
  const windows = new Windows(recording, windowSettings(config, tokenizer));
  const whole = splitWindows(windows, splitSettings(settings), settings.every);
  const split = thinned(whole, settings);
  // Scales are those of all windows that may be trained on, however few of them are.
  const scaled = standardized(tokenizer, config, windows, whole.train);
  const layout = new BatchLayout(config, scaled, recording);
  expectDecoded(layout, settings, recording);
  return {
    windows,
    split,
    layout,
    config,
    tokenizer: scaled,
    fingerprint: fingerprint(recording),
  };
}

/** @throws RecordingError where something is to be decoded that was not recorded. */
function expectDecoded(layout: BatchLayout, { losses }: TrainSettings, recording: Recording): void {
  const missing = missingVariables(layout).find(
    ({ name, setting }) => setting.predict && (!losses || losses.includes(name)),
  );
  if (!missing) return;
  const { name, setting } = missing;
  throw new RecordingError(
    `The recording has no variable ${setting.data ?? name} to decode; it has ${variableNames(recording).join(', ') || 'none'}. If it has another name there, say it as data under ${name}.`,
  );
}

/** Variables of the configuration that the recording does not have. */
function missingVariables({ config, variables }: BatchLayout): ConfiguredVariable[] {
  const known = new Set(variables.map(({ name }) => name));
  return configuredVariables(config).filter(({ name }) => !known.has(name));
}

/**
 * What a user should know about the data of a run: sentences.
 *
 * @param cut what the blocks cut of the training windows, where it has been counted already.
 */
export function dataNotes(
  { windows, split, layout, config }: TrainingData,
  cut: Truncation = measureTruncation(windows, split.train),
): string[] {
  const { recording } = windows;
  return [
    ...split.notes,
    ...split.caveats,
    ...truncationNotes(cut),
    ...unused(recording, config),
    ...turnsOver(layout, recording),
    ...missingVariables(layout).map(
      ({ name }) => `The recording has no ${name}: the model goes without it.`,
    ),
  ];
}

function splitSettings({ split, seed }: TrainSettings): SplitSettings {
  const { kind, fractions, repeats, gap, order } = split;
  if (kind === 'blocks')
    return { kind, fractions, repeats, order, ...(gap !== undefined && { gap }) };
  return { kind, fractions, seed: split.seed ?? seed };
}

/** Angles that run over more than their turn: perhaps in degrees, when they are taken for radians. */
function turnsOver(layout: BatchLayout, recording: Recording): string[] {
  return layout.variables.flatMap(({ name, setting }) => {
    const period = decodedPeriod(setting);
    if (period === undefined) return [];
    let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (const { variables } of recording.trials) {
      for (const value of Array.from(variables[setting.data ?? name]?.values ?? [], Number)) {
        low = Math.min(low, value);
        high = Math.max(high, value);
      }
    }
    return high - low > 1.1 * period
      ? [
          `${name} runs from ${low.toFixed(2)} to ${high.toFixed(2)}, more than the full turn of ${period.toFixed(2)} that it is decoded with: if it is in other units, give it its period, such as 360.`,
        ]
      : [];
  });
}

/** What the recording holds and the configuration does not ask for. */
function unused(recording: Recording, config: ModelConfig): string[] {
  const asked = new Set(
    configuredVariables(config).map(({ name, setting }) => setting.data ?? name),
  );
  const idle = variableNames(recording).filter((name) => !asked.has(name));
  const video = recording.trials.some((trial) => trial.video) && config.window.frame === null;
  return [
    ...(video
      ? ['The recording has a video, but the configuration has no window.frame: it is not used.']
      : []),
    ...(idle.length > 0
      ? [
          `The recording has ${idle.join(', ')}, but the configuration's modalities do not name ${idle.length === 1 ? 'it: it is' : 'them: they are'} not used.`,
        ]
      : []),
  ];
}
