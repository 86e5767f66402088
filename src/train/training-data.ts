/** From a recording to training data: windows, split, vocabularies and the layout of batches. */

import { BatchLayout, tokenizerFor, windowSettings, withStatistics } from '../neuroformer/batch.js';
import type { ModelConfig } from '../neuroformer/config.js';
import {
  type ConfiguredVariable,
  configuredVariables,
  decodedPeriod,
} from '../neuroformer/variables.js';
import { RecordingError } from '../recording/errors.js';
import { fingerprint } from '../recording/fingerprint.js';
import { type Recording, variableNames } from '../recording/recording.js';
import { type Split, type SplitSettings, splitWindows, thinTraining } from '../recording/splits.js';
import type { Tokenizer } from '../recording/tokenizer.js';
import { measureTruncation, type Truncation, truncationNotes } from '../recording/truncation.js';
import { type WindowRef, Windows } from '../recording/windows.js';
import { formatCount } from '../text/format.js';
import type { TrainSettings } from './settings.js';

/** What a run trains on. */
export interface TrainingData {
  /** The recording as windows. */
  readonly windows: Windows;
  /** Which windows belong to the training, validation and test parts. */
  readonly split: Split;
  /** How windows become batches. */
  readonly layout: BatchLayout;
  /** The model's configuration. */
  readonly config: ModelConfig;
  /** Vocabularies of neurons, times and classes, and the scales of variables. */
  readonly tokenizer: Tokenizer;
  /** Hash of the recording, by which a run recognizes its data. */
  readonly fingerprint: string;
}

/**
 * Prepares a recording for a model: cuts it into windows, splits them, and fits the scales of its
 * variables to the training part.
 *
 * @param tokenizer of a model that is already trained. Default: one created for the recording.
 * @throws RecordingError where the recording does not fit the model: it has other neurons, lacks a
 *   variable to
 * decode, or has no windows for a part of the split.
 */
export function prepareTrainingData(
  recording: Recording,
  config: ModelConfig,
  settings: TrainSettings,
  tokenizer: Tokenizer = tokenizerFor(config, recording),
): TrainingData {
  if (tokenizer.ids.neurons !== recording.neurons) {
    throw new RecordingError(
      `The model was trained on ${tokenizer.ids.neurons} neurons, but the recording has ${recording.neurons}: use a recording of the same neurons, or train a new model.`,
    );
  }
  const windows = new Windows(recording, windowSettings(config, tokenizer));
  const fullSplit = splitWindows(windows, splitSettings(settings), settings.every);
  const split = thinTraining(fullSplit, settings);
  // Scales come from the whole training part, so that they do not depend on the share that is
  // trained on.
  const scaled = withStatistics(tokenizer, config, windows, fullSplit.train);
  const layout = new BatchLayout(config, scaled, recording);
  checkDecoded(layout, settings, recording);
  checkMagnitudes(layout, recording);
  return {
    windows,
    split,
    layout,
    config,
    tokenizer: scaled,
    fingerprint: fingerprint(recording),
  };
}

/** @throws RecordingError where a variable to decode is not in the recording. */
function checkDecoded(layout: BatchLayout, { losses }: TrainSettings, recording: Recording): void {
  const missing = missingVariables(layout).find(
    ({ name, setting }) => setting.predict && (!losses || losses.includes(name)),
  );
  if (!missing) return;
  const { name, setting } = missing;
  throw new RecordingError(
    `The recording has no variable ${setting.data ?? name} to decode; it has ${variableNames(recording).join(', ') || 'none'}. If the recording has it under another name, give that name as data under ${name}.`,
  );
}

/** The largest number of float32. */
const MAX_FLOAT32 = 3.4028234e38;

/** @throws RecordingError where a variable that the model uses has values that float32 lacks. */
function checkMagnitudes({ variables }: BatchLayout, recording: Recording): void {
  for (const { name, setting } of variables)
    for (const trial of recording.trials) {
      const values = Array.from<unknown>(trial.variables[setting.data ?? name]?.values ?? []);
      const value = values.find((item) => typeof item === 'number' && Math.abs(item) > MAX_FLOAT32);
      if (value !== undefined)
        throw new RecordingError(
          `${name} has the value ${value}, but the model computes in float32, which ends at 3.4e38: give the variable a scale in a dataset.yaml, or remove the value.`,
        );
    }
}

/** Notes on variables to decode that are the same in all training windows. */
function notesOnTargets(
  { variables }: BatchLayout,
  windows: Windows,
  refs: readonly WindowRef[],
): string[] {
  return variables.flatMap(({ name, setting }) => {
    if (!setting.predict) return [];
    const target = (ref: WindowRef) => windows.samplesAt(ref)[name]?.values.at(-1);
    const first = refs[0] && target(refs[0]);
    if (first === undefined || refs.some((ref) => target(ref) !== first)) return [];
    return [
      `${name} is the same in all ${formatCount(refs.length)} training windows: there is nothing to learn, and its scores will say nothing.`,
    ];
  });
}

/** Variables of the configuration that are not in the recording. */
function missingVariables({ config, variables }: BatchLayout): ConfiguredVariable[] {
  const recorded = new Set(variables.map(({ name }) => name));
  return configuredVariables(config).filter(({ name }) => !recorded.has(name));
}

/**
 * What a user should know about the data of a run, in sentences.
 *
 * @param cut spikes of the training windows that do not fit their blocks; counted here if it is not
 *   passed in.
 */
export function dataNotes(
  { windows, split, layout, config }: TrainingData,
  cut: Truncation = measureTruncation(windows, split.train),
): string[] {
  const { recording } = windows;
  return [
    ...split.notes,
    ...split.caveats,
    ...(readsTokens(config) ? truncationNotes(cut) : []),
    ...notesOnBins(recording, config),
    ...notesOnUnused(recording, config),
    ...notesOnAngles(layout, recording),
    ...notesOnTargets(layout, windows, split.train),
    ...missingVariables(layout).map(
      ({ name }) => `The recording has no ${name}; the model runs without it.`,
    ),
  ];
}

/** Whether anything attends to spikes one by one; a readout may only count them. */
function readsTokens({ layers, readout }: ModelConfig): boolean {
  const { state, encoder = state, state_history: history } = layers;
  return state + encoder + history > 0 || !readout || readout.blocks > 0;
}

/** A note where times of spikes are read more finely than the bins they were counted in. */
function notesOnBins({ trials }: Recording, { resolution }: ModelConfig): string[] {
  const widths = trials.flatMap(({ spikes }) => ('counts' in spikes ? [spikes.dt] : []));
  const width = widths.reduce((a, b) => Math.max(a, b), 0);
  return width > resolution.dt + 1e-9
    ? [
        `Spikes are counted in bins of ${width} s, so times within a bin, which resolution.dt of ${resolution.dt} s tells apart, say nothing: set resolution.dt to ${width}.`,
      ]
    : [];
}

function splitSettings({ split, seed }: TrainSettings): SplitSettings {
  const { kind, fractions, train, validation = [], test = [], repeats, gap, order } = split;
  if (!fractions) return { kind: 'trials', validation, test, ...(train && { train }) };
  if (kind === 'blocks')
    return { kind, fractions, repeats, order, ...(gap !== undefined && { gap }) };
  return { kind, fractions, seed: split.seed ?? seed };
}

/**
 * Notes on angles that span more than a full turn: perhaps they are in degrees but were taken for
 * radians.
 */
function notesOnAngles(layout: BatchLayout, recording: Recording): string[] {
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
          `${name} ranges from ${low.toFixed(2)} to ${high.toFixed(2)}, more than the full turn of ${period.toFixed(2)} it is decoded with. If it is in another unit, set its period, such as 360.`,
        ]
      : [];
  });
}

/** Notes on what the recording contains but the configuration does not use. */
function notesOnUnused(recording: Recording, config: ModelConfig): string[] {
  const configured = new Set(
    configuredVariables(config).map(({ name, setting }) => setting.data ?? name),
  );
  const unused = variableNames(recording).filter((name) => !configured.has(name));
  const isVideoUnused =
    recording.trials.some((trial) => trial.video) && config.window.frame === null;
  return [
    ...(isVideoUnused
      ? [
          'The recording has a video, but the configuration has no window.frame, so the video is not used.',
        ]
      : []),
    ...(unused.length > 0
      ? [
          `The recording has ${unused.join(', ')}, but no modality of the configuration names ${unused.length === 1 ? 'it, so it is' : 'them, so they are'} not used.`,
        ]
      : []),
  ];
}
