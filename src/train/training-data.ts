/** From a recording on disk to what a run trains on; and from a run's folder back to its model and data. */

import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import { type Dataset, openDataset } from '../dataset/dataset.js';
import type { Engine } from '../gpu/engine.js';
import {
  BatchLayout,
  modelSizes,
  standardised,
  tokenizerFor,
  windowSettings,
} from '../neuroformer/batch.js';
import type { ModelConfig } from '../neuroformer/config.js';
import { Neuroformer } from '../neuroformer/model.js';
import { loadNotes, type SavedModel } from '../neuroformer/saved.js';
import { type ConfiguredVariable, periodOf, variablesOf } from '../neuroformer/variables.js';
import { ParameterStore } from '../nn/parameters.js';
import { FileError } from '../node/files.js';
import { RecordingError } from '../recording/errors.js';
import { type Recording, variableNames } from '../recording/recording.js';
import {
  type Part,
  type Split,
  type SplitSettings,
  splitWindows,
  thinned,
} from '../recording/splits.js';
import { Tokenizer } from '../recording/tokenizer.js';
import { type Truncation, truncationNotes, truncationOf } from '../recording/truncation.js';
import { Windows } from '../recording/windows.js';
import { readModelFile } from './checkpoint.js';
import { type RunFacts, RunFolder } from './run-records.js';
import type { TrainSettings } from './settings.js';
import type { TrainingData } from './trainer.js';

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
  const scaled = standardised(tokenizer, config, windows, whole.train);
  const layout = new BatchLayout(config, scaled, recording);
  expectDecoded(layout, settings, recording);
  return {
    windows,
    split,
    layout,
    config,
    tokenizer: scaled,
    fingerprint: fingerprintOf(recording),
  };
}

/** @throws RecordingError where something is to be decoded that was not recorded. */
function expectDecoded(layout: BatchLayout, { losses }: TrainSettings, recording: Recording): void {
  const lacking = lackingIn(layout).find(
    ({ name, setting }) => setting.predict && (!losses || losses.includes(name)),
  );
  if (!lacking) return;
  const { name, setting } = lacking;
  throw new RecordingError(
    `The recording has no variable ${setting.data ?? name} to decode; it has ${variableNames(recording).join(', ') || 'none'}. If it has another name there, say it as data under ${name}.`,
  );
}

/** Variables of the configuration that the recording does not have. */
function lackingIn({ config, variables }: BatchLayout): ConfiguredVariable[] {
  const known = new Set(variables.map(({ name }) => name));
  return variablesOf(config).filter(({ name }) => !known.has(name));
}

/**
 * What a user should know about the data of a run: sentences.
 *
 * @param cut what the blocks cut of the training windows, where it has been counted already.
 */
export function notesOn(
  { windows, split, layout, config }: TrainingData,
  cut: Truncation = truncationOf(windows, split.train),
): string[] {
  const { recording } = windows;
  return [
    ...split.notes,
    ...split.caveats,
    ...truncationNotes(cut),
    ...unused(recording, config),
    ...turnsOver(layout, recording),
    ...lackingIn(layout).map(
      ({ name }) => `The recording has no ${name}: the model goes without it.`,
    ),
  ];
}

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
  const scales = variablesOf(config).flatMap(({ name, setting }) => {
    const scale = before.scales[name];
    // An angle's is none of a number, nor of an angle in other units.
    return scale && scale.period === periodOf(setting) ? [[name, scale.toJSON()] as const] : [];
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

function splitSettings({ split, seed }: TrainSettings): SplitSettings {
  const { kind, fractions, repeats, gap, order } = split;
  if (kind === 'blocks')
    return { kind, fractions, repeats, order, ...(gap !== undefined && { gap }) };
  return { kind, fractions, seed: split.seed ?? seed };
}

/** Angles that run over more than their turn: perhaps in degrees, when they are taken for radians. */
function turnsOver(layout: BatchLayout, recording: Recording): string[] {
  return layout.variables.flatMap(({ name, setting }) => {
    const period = periodOf(setting);
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
  const asked = new Set(variablesOf(config).map(({ name, setting }) => setting.data ?? name));
  const idle = variableNames(recording).filter((name) => !asked.has(name));
  const film = recording.trials.some((trial) => trial.film) && config.window.frame === null;
  return [
    ...(film
      ? ['The recording has a video, but the configuration has no window.frame: it is not used.']
      : []),
    ...(idle.length > 0
      ? [
          `The recording has ${idle.join(', ')}, but the configuration's modalities do not name ${idle.length === 1 ? 'it: it is' : 'them: they are'} not used.`,
        ]
      : []),
  ];
}

/** A hash of everything recorded: two recordings of one fingerprint are the same. */
export function fingerprintOf(recording: Recording): string {
  const hash = createHash('sha256');
  const numbers = (values: ArrayLike<number>) => {
    const array = Float64Array.from(values);
    hash.update(new Uint8Array(array.buffer));
  };
  for (const { id, start, duration, spikes, film, variables } of recording.trials) {
    numbers([id, start, duration]);
    if ('counts' in spikes) numbers([spikes.dt]);
    for (const row of 'counts' in spikes ? spikes.counts : spikes.times) {
      numbers([row.length]);
      numbers(row);
    }
    if (film) {
      numbers([film.count, film.height, film.width, film.dt, film.start ?? 0]);
      hash.update(new Uint8Array(film.data.buffer, film.data.byteOffset, film.data.byteLength));
    }
    for (const [name, series] of Object.entries(variables)) {
      hash.update(name);
      if ('times' in series) {
        numbers(series.times);
        if (series.before) numbers([series.before.time, series.before.value]);
      } else numbers([series.dt, series.start ?? 0]);
      const values: ArrayLike<number | string> = series.values;
      if (typeof values[0] === 'string') hash.update(Array.from(values).join('\n'));
      else numbers(values as ArrayLike<number>);
    }
  }
  return hash.digest('hex');
}

/** A run as it can be read again. */
export interface OpenedRun extends TrainingData {
  readonly folder: RunFolder;
  readonly facts: RunFacts;
  readonly dataset: Dataset;
  readonly saved: SavedModel;
  /** The file of the weights, in the folder. */
  readonly weights: string;
}

/**
 * Opens a run's folder with its data.
 *
 * @param options.data where the data are now, or the data, already open; default: where the run found them.
 * @param options.weights which checkpoint: the best by its total validation loss where there is one, or the last.
 * @throws FileError where the folder is none of a run, or the data are not those it was trained on.
 */
export async function openRun(
  path: string,
  options: { data?: string | Dataset | undefined; weights?: 'best' | 'last' } = {},
): Promise<OpenedRun> {
  const folder = new RunFolder(path);
  const facts = folder.facts();
  const weights = options.weights === 'last' ? folder.last : folder.weights;
  const saved = readModelFile(weights);
  const { config, tokenizer } = saved;
  if (!config || !tokenizer)
    throw new FileError(`${weights} holds weights without the configuration they belong to.`);
  const data = options.data ?? facts.data;
  const dataset = typeof data === 'string' ? await openDataset(data) : data;
  const prepared = prepare(dataset.recording, config, facts.training, tokenizer);
  if (prepared.fingerprint !== facts.fingerprint) {
    throw new FileError(
      `${dataset.path} does not hold the data of this run: say where they are with --data.`,
    );
  }
  return { ...prepared, folder, facts, dataset, saved, weights: basename(weights) };
}

/** The model of a run on a device, and what did not fit. */
export async function loadModel(
  engine: Engine,
  { config, tokenizer, saved }: Pick<OpenedRun, 'config' | 'tokenizer' | 'saved'>,
): Promise<{ store: ParameterStore; model: Neuroformer; notes: string[] }> {
  const store = new ParameterStore();
  const model = new Neuroformer(store, config, modelSizes(tokenizer));
  store.allocate(engine);
  const notes = loadNotes(await store.assign(saved.tensors));
  return { store, model, notes };
}

/** Windows of a part of the split, or all of them. */
export function partOf(split: Split, part: Part | 'all') {
  return part === 'all' ? [...split.train, ...split.validation, ...split.test] : split[part];
}
