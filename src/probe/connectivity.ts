/**
 * Computes the connectivity of a trained model, with controls and correlations for comparison. Maps
 * are scored if the true connections are known.
 */

import {
  binTrials,
  furthestFromZero,
  laggedCorrelations,
  partialCorrelations,
  pearsonCorrelations,
} from '../analyze/correlation.js';
import { type EdgeScores, scoreEdges } from '../analyze/edges.js';
import { glmCoupling } from '../analyze/glm-coupling.js';
import type { Engine } from '../gpu/engine.js';
import type { BatchLayout } from '../neuroformer/batch.js';
import type { ModelConfig } from '../neuroformer/config.js';
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
import { couplingMap } from './coupling.js';
import { withFittingBatch } from './fitting-batch.js';
import { untrainedModel } from './untrained.js';

/** One map of all pairs of neurons. */
export interface ConnectivityMap {
  /** Its key in files: letters and digits. */
  readonly name: string;
  /** Its name in reports. */
  readonly title: string;
  /** What it is computed from: the model, a control of the model, or spike counts alone. */
  readonly kind: 'model' | 'control' | 'correlation';
  /** Whether it is above 0 where a source excites, and below where it inhibits. */
  readonly signed: boolean;
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
  /** Whether to fit a Poisson GLM for comparison, which takes minutes. Default: false. */
  readonly glm?: boolean;
}

/** Connectivity maps, and how many windows they are from. */
export interface Connectivity {
  /** How many neurons there are. */
  readonly neurons: number;
  /** How many windows the attention maps are from; 0 if the model does not attend to the past. */
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

/** What a map is read from, which not every model has. */
type Reading = 'attention' | 'coupling' | 'ablation';

/** A map and how it is computed. */
interface MapRow extends Omit<UnscoredMap, 'values' | 'signed'> {
  /** What is being computed, in progress lines. */
  readonly stage: string;
  readonly reading: Reading;
  compute(): Promise<Float64Array>;
}

/** Windows per batch, if they fit. */
const BATCH = 200;
/** Width of the GLM's bins, in seconds. */
const GLM_BIN = 0.004;

/** What can be read from a model. */
export function connectivityReadings({
  layers,
  mlp_only,
  gru_only,
  gru2_only,
  spike_history,
  rules,
}: ModelConfig): ReadonlySet<Reading> {
  const attends = layers.state_history > 0 && !(mlp_only || gru_only || gru2_only);
  return new Set<Reading>([
    ...(attends ? (['attention'] as const) : []),
    ...(spike_history?.kind === 'pairs' ? (['coupling'] as const) : []),
    // Spikes are hidden by the mask of padding.
    ...(rules.mask_padding ? (['ablation'] as const) : []),
  ]);
}

/**
 * Maps of a model: attention, coupling and ablation, and as controls the same with simultaneous
 * spikes in another order and of an untrained model. Maps that cannot be read from the model are
 * left out.
 */
export async function modelMaps(
  { engine, model, layout, windows, refs: allRefs }: ConnectivityInputs,
  settings: ConnectivitySettings = {},
  watcher: Watcher = silentWatcher,
): Promise<Omit<Connectivity, 'maps'> & { readonly maps: readonly UnscoredMap[] }> {
  const { seed = 1 } = settings;
  const { ids } = layout.tokenizer;
  const refs = drawWindows(allRefs, settings.windows ?? 4000, BATCH, seed);
  const ablationRefs = refs.slice(
    0,
    countInFullBatches(settings.ablationWindows ?? 4000, refs.length, BATCH),
  );
  using untrained = untrainedModel(engine, layout, seed + 1);
  let activity = '';
  /** @param tieSeed of the order of simultaneous spikes */
  const read = <T>(
    compute: (inputs: MapInputs) => Promise<T>,
    mapped: Neuroformer,
    mapRefs: readonly WindowRef[],
    tieSeed = seed,
  ) =>
    withFittingBatch(Math.min(BATCH, mapRefs.length), (size) => {
      const batches = windowBatches(windows, layout, mapRefs, size, tieSeed);
      const watched = watchedBatches(batches, size, mapRefs.length, watcher, activity);
      return compute({ engine, model: mapped, layout, size, batches: watched });
    });
  const attend = (mapped: Neuroformer, tieSeed?: number) =>
    read(attentionMaps, mapped, refs, tieSeed);
  const ablate = (mapped: Neuroformer, tieSeed?: number) =>
    read(ablationMap, mapped, ablationRefs, tieSeed);
  let trained: ReturnType<typeof attend> | undefined;
  // Three maps come from one pass over the windows.
  const attendTrained = () => {
    trained ??= attend(model);
    return trained;
  };

  const readings = connectivityReadings(layout.config);
  const rows: readonly MapRow[] = [
    {
      name: 'attention',
      title: 'Attention',
      kind: 'model',
      stage: 'attention',
      reading: 'attention',
      compute: async () => (await attendTrained()).attention,
    },
    {
      name: 'learnt',
      title: 'Attention minus uniform',
      kind: 'model',
      stage: 'attention',
      reading: 'attention',
      compute: async () => (await attendTrained()).learned,
    },
    {
      name: 'coupling',
      title: 'Coupling',
      kind: 'model',
      stage: 'coupling',
      reading: 'coupling',
      compute: () => couplingMap(model, ids),
    },
    {
      name: 'ablation',
      title: 'Ablation',
      kind: 'model',
      stage: 'ablation',
      reading: 'ablation',
      compute: () => ablate(model),
    },
    {
      name: 'uniform',
      title: 'Uniform attention',
      kind: 'control',
      stage: 'controls',
      reading: 'attention',
      compute: async () => (await attendTrained()).uniform,
    },
    {
      name: 'tieshuffle',
      title: 'Attention, ties in another order',
      kind: 'control',
      stage: 'controls',
      reading: 'attention',
      compute: async () => (await attend(model, seed + 1)).attention,
    },
    {
      name: 'ablationtieshuffle',
      title: 'Ablation, ties in another order',
      kind: 'control',
      stage: 'controls',
      reading: 'ablation',
      compute: () => ablate(model, seed + 1),
    },
    {
      name: 'untrained',
      title: 'Attention, untrained model',
      kind: 'control',
      stage: 'controls',
      reading: 'attention',
      compute: async () => (await attend(untrained.model)).attention,
    },
    {
      name: 'couplinguntrained',
      title: 'Coupling, untrained model',
      kind: 'control',
      stage: 'controls',
      reading: 'coupling',
      compute: () => couplingMap(untrained.model, ids),
    },
    {
      name: 'ablationuntrained',
      title: 'Ablation, untrained model',
      kind: 'control',
      stage: 'controls',
      reading: 'ablation',
      compute: () => ablate(untrained.model),
    },
  ];
  const maps: UnscoredMap[] = [];
  for (const { name, title, kind, stage, reading, compute } of rows) {
    if (!readings.has(reading)) continue;
    activity = `connectivity, ${stage}`;
    watcher.progress({ activity });
    // Attention tells how much a source matters, not whether it excites.
    maps.push({ name, title, kind, signed: reading !== 'attention', values: await compute() });
  }
  return {
    neurons: ids.neurons,
    windows: readings.has('attention') ? refs.length : 0,
    ablationWindows: readings.has('ablation') ? ablationRefs.length : 0,
    maps,
  };
}

/** Spike times of each neuron and the duration, in seconds, by trial. */
function timedTrials({ trials }: Recording) {
  return trials.map(({ spikes, duration }) => ({ times: spikeTimes(spikes), duration }));
}

/**
 * The bins of a recording of counts in seconds, than which nothing can be resolved more finely.
 * Event times have no bins, hence 0.
 */
function countStep({ trials }: Recording): number {
  return Math.max(...trials.map(({ spikes }) => ('counts' in spikes ? spikes.dt : 0)));
}

/**
 * Correlations of spike counts, for comparison. None is finer than the bins of a recording of
 * counts.
 */
export function correlationMaps(recording: Recording): UnscoredMap[] {
  const trials = timedTrials(recording);
  const coarse = binTrials(trials, 0.05);
  const finest = countStep(recording);
  const lags = (last: number) => Array.from({ length: last }, (_, n) => n + 1);
  const lagged = (last: number, choose?: (a: number, b: number) => number) =>
    laggedCorrelations(binTrials(trials, 0.001), lags(last), choose);
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
      compute: () => lagged(10),
    },
    {
      name: 'lagged10',
      title: 'Lagged, extreme of 1 to 10 ms',
      maxStep: 0.001,
      compute: () => lagged(10, furthestFromZero),
    },
    {
      name: 'lagged40',
      title: 'Lagged, extreme of 1 to 40 ms',
      maxStep: 0.001,
      compute: () => lagged(40, furthestFromZero),
    },
  ];
  return rows
    .filter(({ maxStep }) => finest <= maxStep)
    .map(({ name, title, compute }) => ({
      name,
      title,
      kind: 'correlation',
      signed: true,
      values: compute(),
    }));
}

/** The coupling of a Poisson GLM of the spikes alone. @param beforeEach see `glmCoupling` */
export async function glmMap(recording: Recording, beforeEach: () => void): Promise<UnscoredMap> {
  const bin = Math.max(GLM_BIN, countStep(recording));
  const trials = timedTrials(recording).map((trial) => binTrials([trial], bin));
  const values = await glmCoupling(trials, bin, beforeEach);
  return {
    name: 'glm',
    title: 'Coupling of a Poisson GLM',
    kind: 'correlation',
    signed: true,
    values,
  };
}

/** The maps with their agreement with the true connections, if those are known. */
export function scoreMaps(
  maps: readonly UnscoredMap[],
  wiring: Wiring | undefined,
): ConnectivityMap[] {
  return maps.map((map) => ({
    ...map,
    scores: wiring && scoreEdges(map.values, wiring, map.signed),
  }));
}
