/**
 * Computes the connectivity of a trained model, with controls and correlations for comparison. Maps
 * are scored if the true connections are known.
 */

import {
  binTrials,
  laggedCorrelations,
  partialCorrelations,
  pearsonCorrelations,
} from '../analyze/correlation.js';
import { type EdgeScores, scoreEdges } from '../analyze/edges.js';
import type { Engine } from '../gpu/engine.js';
import type { BatchLayout } from '../neuroformer/batch.js';
import type { Neuroformer } from '../neuroformer/model.js';
import { silentWatcher, type Watcher } from '../ports/watcher.js';
import type { Recording } from '../recording/recording.js';
import { spikeTimes } from '../recording/spikes.js';
import type { WindowRef, Windows } from '../recording/windows.js';
import type { Wiring } from '../simulate/truth.js';
import {
  countInFullBatches,
  drawWindows,
  watchedBatches,
  windowBatches,
} from '../train/window-batches.js';
import { ablationMap, attentionMaps, type MapInputs } from './attention-maps.js';
import { untrainedModel } from './untrained.js';

/** One map of all pairs of neurons. */
export interface ConnectivityMap {
  /** Its key in files: letters and digits. */
  readonly name: string;
  /** Its name in reports. */
  readonly title: string;
  /** What it is computed from: the model, a control of the model, or spike counts alone. */
  readonly kind: 'model' | 'control' | 'correlation';
  /** [target x source] */
  readonly values: Float64Array;
  /** Agreement with the true connections; undefined if they are not known. */
  readonly scores: EdgeScores | undefined;
}

/** A map that is not scored yet. */
export type UnscoredMap = Omit<ConnectivityMap, 'scores'>;

/** How many windows connectivity is computed from. */
export interface ConnectivitySettings {
  /** Windows for attention. Default 4000. */
  readonly windows?: number;
  /** Windows for ablation. Default 4000. */
  readonly ablationWindows?: number;
  /** Seed of the choice of windows, of the order of ties and of the untrained model. Default 1. */
  readonly seed?: number;
}

/** Connectivity maps, and how many windows they are from. */
export interface Connectivity {
  /** How many neurons there are. */
  readonly neurons: number;
  /** How many windows the attention maps are from. */
  readonly windows: number;
  /** How many windows the ablation maps are from. */
  readonly ablationWindows: number;
  /** The maps of the model, then its controls, then correlations. */
  readonly maps: readonly ConnectivityMap[];
}

/** A model and its windows. */
export interface ConnectivityInputs {
  readonly engine: Engine;
  readonly model: Neuroformer;
  readonly layout: BatchLayout;
  readonly windows: Windows;
  /** Windows to choose from. */
  readonly refs: readonly WindowRef[];
}

/** A map and how it is computed. */
interface MapRow extends Omit<UnscoredMap, 'values'> {
  /** What is being computed, in progress lines. */
  readonly stage: string;
  /** Whether it hides spikes, which needs a model that does not attend to padding. */
  readonly ablates?: boolean;
  compute(): Promise<Float64Array>;
}

/** Windows per batch. */
const BATCH = 200;

/**
 * Maps of a model: attention and ablation, and as controls the same with simultaneous spikes in
 * another order and of an untrained model. There are no ablation maps for a model that attends to
 * padding.
 */
export async function modelMaps(
  { engine, model, layout, windows, refs: allRefs }: ConnectivityInputs,
  settings: ConnectivitySettings = {},
  watcher: Watcher = silentWatcher,
): Promise<Omit<Connectivity, 'maps'> & { readonly maps: readonly UnscoredMap[] }> {
  const { seed = 1 } = settings;
  const refs = drawWindows(allRefs, settings.windows ?? 4000, BATCH, seed);
  const ablationRefs = refs.slice(
    0,
    countInFullBatches(settings.ablationWindows ?? 4000, refs.length, BATCH),
  );
  using untrained = untrainedModel(engine, layout, seed + 1);
  let activity = '';
  /** @param tieSeed of the order of simultaneous spikes */
  const mapInputs = (
    mapped: Neuroformer,
    mapRefs: readonly WindowRef[],
    tieSeed = seed,
  ): MapInputs => {
    const size = Math.min(BATCH, mapRefs.length);
    const batches = windowBatches(windows, layout, mapRefs, size, tieSeed);
    const watched = watchedBatches(batches, size, mapRefs.length, watcher, activity);
    return { engine, model: mapped, layout, size, batches: watched };
  };
  const attend = (mapped: Neuroformer, tieSeed?: number) =>
    attentionMaps(mapInputs(mapped, refs, tieSeed));
  const ablate = (mapped: Neuroformer, tieSeed?: number) =>
    ablationMap(mapInputs(mapped, ablationRefs, tieSeed));
  let trained: ReturnType<typeof attend> | undefined;
  // Three maps come from one pass over the windows.
  const attendTrained = () => {
    trained ??= attend(model);
    return trained;
  };

  const rows: readonly MapRow[] = [
    {
      name: 'attention',
      title: 'Attention',
      kind: 'model',
      stage: 'attention',
      compute: async () => (await attendTrained()).attention,
    },
    {
      name: 'learnt',
      title: 'Attention minus uniform',
      kind: 'model',
      stage: 'attention',
      compute: async () => (await attendTrained()).learned,
    },
    {
      name: 'ablation',
      title: 'Ablation',
      kind: 'model',
      stage: 'ablation',
      ablates: true,
      compute: () => ablate(model),
    },
    {
      name: 'uniform',
      title: 'Uniform attention',
      kind: 'control',
      stage: 'controls',
      compute: async () => (await attendTrained()).uniform,
    },
    {
      name: 'tieshuffle',
      title: 'Attention, ties in another order',
      kind: 'control',
      stage: 'controls',
      compute: async () => (await attend(model, seed + 1)).attention,
    },
    {
      name: 'ablationtieshuffle',
      title: 'Ablation, ties in another order',
      kind: 'control',
      stage: 'controls',
      ablates: true,
      compute: () => ablate(model, seed + 1),
    },
    {
      name: 'untrained',
      title: 'Attention, untrained model',
      kind: 'control',
      stage: 'controls',
      compute: async () => (await attend(untrained.model)).attention,
    },
    {
      name: 'ablationuntrained',
      title: 'Ablation, untrained model',
      kind: 'control',
      stage: 'controls',
      ablates: true,
      compute: () => ablate(untrained.model),
    },
  ];
  const maps: UnscoredMap[] = [];
  for (const { name, title, kind, stage, ablates, compute } of rows) {
    if (ablates && !layout.config.rules.mask_padding) continue;
    activity = `connectivity, ${stage}`;
    watcher.progress({ activity });
    maps.push({ name, title, kind, values: await compute() });
  }
  return {
    neurons: layout.tokenizer.ids.neurons,
    windows: refs.length,
    ablationWindows: ablationRefs.length,
    maps,
  };
}

/**
 * Correlations of spike counts, for comparison. None is finer than the bins of a recording of
 * counts.
 */
export function correlationMaps(recording: Recording): UnscoredMap[] {
  const trials = recording.trials.map(({ spikes, duration }) => ({
    times: spikeTimes(spikes),
    duration,
  }));
  const coarse = binTrials(trials, 0.05);
  // Counts cannot be resolved more finely than their own bins. Event times have no bins, hence 0.
  const countStep = Math.max(
    ...recording.trials.map(({ spikes }) => ('counts' in spikes ? spikes.dt : 0)),
  );
  const lags = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
  const rows: readonly {
    name: string;
    title: string;
    /** The coarsest counts it can be computed from, in seconds. */
    maxStep: number;
    compute: () => Float64Array;
  }[] = [
    {
      name: 'pearson10',
      title: 'Pearson, 10 ms',
      maxStep: 0.01,
      compute: () => pearsonCorrelations(binTrials(trials, 0.01)),
    },
    {
      name: 'pearson50',
      title: 'Pearson, 50 ms',
      maxStep: Number.POSITIVE_INFINITY,
      compute: () => pearsonCorrelations(coarse),
    },
    {
      name: 'partial50',
      title: 'Partial, 50 ms',
      maxStep: Number.POSITIVE_INFINITY,
      compute: () => partialCorrelations(coarse),
    },
    {
      name: 'lagged',
      title: 'Lagged, largest of 1 to 10 ms',
      maxStep: 0.001,
      compute: () => laggedCorrelations(binTrials(trials, 0.001), lags),
    },
  ];
  return rows
    .filter(({ maxStep }) => countStep <= maxStep)
    .map(({ name, title, compute }) => ({ name, title, kind: 'correlation', values: compute() }));
}

/** The maps with their agreement with the true connections, if those are known. */
export function scoreMaps(
  maps: readonly UnscoredMap[],
  wiring: Wiring | undefined,
): ConnectivityMap[] {
  return maps.map((map) => ({ ...map, scores: wiring && scoreEdges(map.values, wiring) }));
}
