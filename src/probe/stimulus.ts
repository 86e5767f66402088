/**
 * Reads from a trained model what each neuron depends on in a film, or which of many inputs: every
 * reading that the model allows, each with that of an untrained model as its control, and measures
 * of the spikes alone for comparison. Maps are scored if the truth is known.
 */

import { type SpikeTriggered, spikeTriggered } from '../analyze/spike-triggered.js';
import {
  type FieldScores,
  type InputScores,
  scoreFields,
  scoreInputs,
} from '../analyze/stimulus-scores.js';
import type { Engine } from '../gpu/engine.js';
import type { BatchLayout } from '../neuroformer/batch.js';
import type { Neuroformer } from '../neuroformer/model.js';
import { silentWatcher, type Watcher } from '../ports/watcher.js';
import { type WindowRef, Windows } from '../recording/windows.js';
import type { FieldTruth, Truth } from '../simulate/truth.js';
import {
  countInFullBatches,
  drawWindows,
  watchedBatches,
  windowBatches,
} from '../train/window-batches.js';
import { withFittingBatch } from './fitting-batch.js';
import {
  averageOverPlaces,
  pixelCount,
  placeCenters,
  placeCount,
  type StimulusGrid,
} from './stimulus-grid.js';
import {
  differencesFromOverall,
  gradientAttention,
  gradientMap,
  occlusionMap,
  queryAttention,
  ratiosToOverall,
  type StimulusInputs,
  type TargetMaps,
  trunkAttention,
} from './stimulus-maps.js';
import { untrainedModel } from './untrained.js';

/** What a film shows: a picture, or one input in each pixel. */
export type StimulusKind = 'film' | 'inputs';

/** Every pixel is an input where the film has one row and its places are its pixels. */
export function stimulusKind({ film, kernel, stride }: StimulusGrid): StimulusKind {
  const lengths = [film[1], kernel[2], stride[2]];
  return lengths.every((length) => length === 1) ? 'inputs' : 'film';
}

/** One map for each neuron. */
export interface StimulusMap {
  /** Its key in files: letters. */
  readonly name: string;
  /** Its name in reports. */
  readonly title: string;
  /** What it shows: what the model depends on, a control of that, or what spikes alone tell. */
  readonly kind: 'model' | 'control' | 'spikes';
  /** [neurons, places] */
  readonly values: Float64Array;
  /** The same in all pixels of a film, where it is that fine: [neurons, height, width]. */
  readonly pixels?: Float64Array;
  /** Agreement with the true receptive fields, if they are known. */
  readonly fields?: FieldScores;
  /** Agreement with the inputs that truly drive the neurons, if they are known. */
  readonly inputs?: InputScores;
}

/** A map beside its controls, as far as it has any. */
export interface MapWithControls {
  readonly map: StimulusMap;
  /** The same of an untrained model. */
  readonly untrained: StimulusMap | undefined;
  /** The same of another neuron. */
  readonly other: StimulusMap | undefined;
}

/** All maps but those of the untrained model, which stand beside them. */
export function withControls(maps: readonly StimulusMap[]): MapWithControls[] {
  const find = (wanted: string) => maps.find(({ name }) => name === wanted);
  const beside = new Set(maps.map(({ name }) => untrainedName(name)));
  return maps
    .filter(({ name }) => !beside.has(name))
    .map((map) => ({
      map,
      untrained: find(untrainedName(map.name)),
      // Attention comes before the neuron that fires, so it is the same for any other one.
      other: map.name === TRUNK_ATTENTION ? map : find(otherNeuronName(map.name)),
    }));
}

/** A map that is not scored yet. */
export type UnscoredStimulusMap = Omit<StimulusMap, 'fields' | 'inputs'>;

/** How much is read. */
export interface StimulusSettings {
  /**
   * Windows for attention. Occlusion reads an eighth as many, input gradients a 24th, and gradient
   * x attention twice as many positions. Default 1536.
   */
  readonly windows?: number;
  /** Seed of the choice of windows and spikes, and of the untrained model. Default 1. */
  readonly seed?: number;
}

/** A model and its windows. */
export interface StimulusModelInputs {
  readonly engine: Engine;
  /** Its parameters are frozen. */
  readonly model: Neuroformer;
  readonly layout: BatchLayout;
  readonly grid: StimulusGrid;
  readonly kind: StimulusKind;
  readonly windows: Windows;
  /** Windows to choose from. */
  readonly refs: readonly WindowRef[];
  /** The brightness of what is hidden: the film's mean. */
  readonly hidden: number;
}

/** A map and how it is read. */
interface ReadingRow {
  readonly name: string;
  readonly title: string;
  readonly kind: 'model' | 'control';
  /** Whether the model allows it. */
  readonly applies: boolean;
  /** Windows it is read from. */
  readonly refs: readonly WindowRef[];
  read(inputs: StimulusInputs): Promise<Pick<StimulusMap, 'values' | 'pixels'>>;
}

/** Windows per batch. */
const BATCH = 32;
/** Shares of the windows that the slower readings read. */
const OCCLUSION_SHARE = 1 / 8;
const GRADIENT_SHARE = 1 / 24;
/** Positions whose gradients are read, for each of the windows that are asked for. */
const POSITIONS_PER_WINDOW = 2;

/** Name of the map of the trunk's attention by target. */
const TRUNK_ATTENTION = 'trunk';

/** Name of the map that is read from an untrained model. */
function untrainedName(name: string): string {
  return `${name}untrained`;
}

/** Name of the map that is read from another neuron's log-probability. */
function otherNeuronName(name: string): string {
  return `${name}other`;
}

/** All readings that a model allows, each followed by that of the untrained model. */
export async function modelStimulusMaps(
  inputs: StimulusModelInputs,
  { windows: count = 1536, seed = 1 }: StimulusSettings = {},
  watcher: Watcher = silentWatcher,
): Promise<{ readonly windows: number; readonly maps: readonly UnscoredStimulusMap[] }> {
  const { engine, model, layout, grid, windows } = inputs;
  const allRefs = drawWindows(inputs.refs, count, BATCH, seed);
  using untrained = untrainedModel(engine, layout, seed + 1);
  const maps: UnscoredStimulusMap[] = [];
  for (const row of readingRows(inputs, allRefs, count, seed)) {
    if (!row.applies) continue;
    const { name, title, kind, refs } = row;
    const read = (from: Neuroformer, activity: string) =>
      withFittingBatch(Math.min(BATCH, refs.length), (size) => {
        const batches = windowBatches(windows, layout, refs, size, seed);
        const watched = watchedBatches(batches, size, refs.length, watcher, activity);
        return row.read({ engine, model: from, layout, grid, size, batches: watched });
      });
    maps.push({ name, title, kind, ...(await read(model, `stimulus: ${title}`)) });
    if (kind === 'control') continue;
    const ofUntrained = await read(untrained.model, `stimulus: ${title}, untrained model`);
    maps.push({
      name: untrainedName(name),
      title: `${title}, untrained model`,
      kind: 'control',
      ...ofUntrained,
    });
  }
  return { windows: allRefs.length, maps };
}

/** The readings of models. @param refs windows to read, of `count` that were asked for */
function readingRows(
  { model, grid, kind, hidden }: StimulusModelInputs,
  refs: readonly WindowRef[],
  count: number,
  seed: number,
): readonly ReadingRow[] {
  const isFilm = kind === 'film';
  const share = (of: number) =>
    refs.slice(0, countInFullBatches(Math.max(BATCH, of * count), refs.length, BATCH));
  /** What sets neurons apart: an input that all depend on alike is no neuron's own. */
  const specific = (means: Float64Array) =>
    isFilm ? means : ratiosToOverall({ means, overall: meanOverNeurons(means, placeCount(grid)) });
  const byTarget = (maps: TargetMaps) =>
    isFilm ? differencesFromOverall(maps) : ratiosToOverall(maps);
  const attendsToVideo = !model.baseline && model.stimulusAttention.blocks.length > 0;
  const attendsByQueries = model.drives.queries?.source === 'frames';
  const gradientRow = (by: 'trunk' | 'queries', of: 'target' | 'another' | 'any') => ({
    applies: by === 'trunk' ? attendsToVideo : attendsByQueries,
    refs,
    async read(inputs: StimulusInputs) {
      const positions = Math.max(1, Math.round((POSITIONS_PER_WINDOW * count) / refs.length));
      const maps = await gradientAttention(inputs, { by, positions, of, seed });
      return { values: by === 'trunk' ? byTarget(maps) : specific(maps.means) };
    },
  });
  return [
    {
      name: 'queries',
      title: 'Neuron queries',
      kind: 'model',
      applies: attendsByQueries,
      refs,
      read: async (inputs) => ({ values: specific(await queryAttention(inputs)) }),
    },
    {
      name: 'queriesgradient',
      title: 'Neuron queries, gradient x attention',
      kind: 'model',
      ...gradientRow('queries', 'any'),
    },
    {
      name: TRUNK_ATTENTION,
      title: 'Trunk attention',
      kind: 'model',
      applies: attendsToVideo,
      refs,
      async read(inputs) {
        const values = byTarget(await trunkAttention(inputs));
        // The trunk may as well turn away from the input that drives the neuron.
        return { values: isFilm ? values : values.map(distanceFromOne) };
      },
    },
    {
      name: 'trunkgradient',
      title: 'Trunk gradient x attention',
      kind: 'model',
      ...gradientRow('trunk', 'target'),
    },
    {
      name: otherNeuronName('trunkgradient'),
      title: 'The same, of another neuron',
      kind: 'control',
      ...gradientRow('trunk', 'another'),
    },
    {
      name: 'trunkgradientany',
      title: 'Trunk gradient x attention, at any time',
      kind: 'model',
      ...gradientRow('trunk', 'any'),
    },
    {
      name: 'occlusion',
      title: 'Occlusion',
      kind: 'model',
      applies: true,
      refs: share(OCCLUSION_SHARE),
      read: async (inputs) => ({ values: specific(await occlusionMap(inputs, hidden)) }),
    },
    {
      name: 'gradient',
      title: 'Input gradients',
      kind: 'model',
      applies: true,
      refs: share(GRADIENT_SHARE),
      async read(inputs) {
        const pixels = await gradientMap(inputs);
        return {
          values: specific(averageOverPlaces(pixels, grid)),
          ...(isFilm && { pixels }),
        };
      },
    },
  ];
}

/** How far a ratio is from 1, whether above or below; 0 for a ratio of 0, which is no ratio. */
function distanceFromOne(ratio: number): number {
  return ratio > 0 ? Math.abs(Math.log(ratio)) : 0;
}

/** The mean map over neurons. */
function meanOverNeurons(maps: Float64Array, places: number): Float64Array {
  const mean = new Float64Array(places);
  for (const [n, value] of maps.entries()) mean[n % places]! += (value * places) / maps.length;
  return mean;
}

/** Frames by which spikes may follow the inputs that they are correlated with. */
const LAGS = 4;

/**
 * What spikes tell without a model, from training windows.
 *
 * @returns the maps, the spikes of each neuron in these windows, and the film's mean brightness
 */
export function spikeStimulusMaps(
  windows: Windows,
  refs: readonly WindowRef[],
  grid: StimulusGrid,
  kind: StimulusKind,
  watcher: Watcher = silentWatcher,
) {
  const { settings, recording } = windows;
  const { dt } = recording.trials.find(({ video }) => video)!.video!;
  // Inputs are read further back than the model does.
  const read =
    kind === 'film' ? windows : new Windows(recording, { ...settings, video: LAGS * dt });
  const activity = 'stimulus, spikes alone';
  const triggered = spikeTriggered(read, refs, pixelCount(grid), (done, total) =>
    watcher.progress({ activity, done, total, unit: 'windows' }),
  );
  const map = (name: keyof SpikeTriggered & string, title: string, pixels: Float64Array) => ({
    name,
    title,
    kind: 'spikes' as const,
    values: averageOverPlaces(pixels, grid),
    ...(kind === 'film' && { pixels }),
  });
  const { average, square, correlation, spikes, brightness } = triggered;
  const maps: UnscoredStimulusMap[] =
    kind === 'film'
      ? [
          map('average', 'Spike-triggered average', average),
          map('square', 'Average of the squared film', square),
        ]
      : [map('correlation', 'Cross-correlation', correlation)];
  return { maps, spikes, brightness };
}

/** The maps with their agreement with the truth, where it is known of such films or inputs. */
export function scoreStimulusMaps(
  maps: readonly UnscoredStimulusMap[],
  grid: StimulusGrid,
  truth: Truth | undefined,
): StimulusMap[] {
  const fields = stimulusKind(grid) === 'film' ? truth?.fields : undefined;
  const inputs = stimulusKind(grid) === 'inputs' ? truth?.inputs : undefined;
  const placed = fields && {
    energy: averageOverPlaces(seenFields(fields), grid),
    fieldCenters: fields.centers,
    placeCenters: placeCenters(grid),
  };
  return maps.map((map) => ({
    ...map,
    ...(placed && { fields: scoreFields(map.values, placed) }),
    ...(inputs && { inputs: scoreInputs(map.values, inputs) }),
  }));
}

/** Where in the recorded film each field is, [neurons, height, width]. */
export function seenFields({ seen, energy }: FieldTruth): Float32Array {
  return seen ?? energy;
}
