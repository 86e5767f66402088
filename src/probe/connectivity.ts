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
import type { Truth } from '../dataset/dataset.js';
import type { Engine } from '../gpu/engine.js';
import { HostRandom } from '../math/random.js';
import { type BatchLayout, type HostBatch, modelSizes } from '../neuroformer/batch.js';
import { Neuroformer } from '../neuroformer/model.js';
import { ParameterStore } from '../nn/parameters.js';
import { silentWatcher, type Watcher } from '../ports/watcher.js';
import { spikeTimes } from '../recording/spikes.js';
import type { WindowRef, Windows } from '../recording/windows.js';
import { neuronGroup } from '../simulate/hub.js';
import { countInFullBatches, windowBatches } from '../train/evaluate.js';
import { ablationMap, attentionMaps, type MapInputs } from './attention-maps.js';

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

/** How many windows connectivity is computed from. */
export interface ExplainSettings {
  /** Windows for attention. Default 4000. */
  readonly windows?: number;
  /** Windows for ablation. Default 4000. */
  readonly ablationWindows?: number;
  /** Seed of the choice of windows, of the order of ties and of the untrained model. Default 1. */
  readonly seed?: number;
}

/** Connectivity maps, and how many windows they are from. */
export interface Explained {
  /** How many neurons there are. */
  readonly neurons: number;
  /** How many windows the attention maps are from. */
  readonly windows: number;
  /** How many windows the ablation maps are from. */
  readonly ablationWindows: number;
  /** The maps of the model, then its controls, then correlations. */
  readonly maps: readonly ConnectivityMap[];
}

/** A model, its windows, and the true connections if they are known. */
export interface ExplainInputs {
  readonly engine: Engine;
  readonly model: Neuroformer;
  readonly layout: BatchLayout;
  readonly windows: Windows;
  /** Windows to choose from. */
  readonly refs: readonly WindowRef[];
  readonly truth: Truth | undefined;
}

/** Windows per batch. */
const BATCH = 200;

/**
 * Computes all maps: attention and ablation of the model, the same with simultaneous spikes in
 * another order and of an untrained model as controls, and correlations. There are no ablation maps
 * for a model that attends to padding, and no correlations finer than the bins of a recording of
 * counts.
 */
export async function explainModel(
  inputs: ExplainInputs,
  settings: ExplainSettings = {},
  watcher: Watcher = silentWatcher,
): Promise<Explained> {
  const { engine, layout, windows, truth } = inputs;
  const { seed = 1 } = settings;
  const refs = drawWindows(inputs.refs, settings.windows ?? 4000, seed);
  const ablationRefs = refs.slice(
    0,
    countInFullBatches(settings.ablationWindows ?? 4000, refs.length, BATCH),
  );
  const maps: Omit<ConnectivityMap, 'scores'>[] = [];
  const add = (
    name: string,
    title: string,
    kind: ConnectivityMap['kind'],
    values: Float64Array,
  ) => {
    maps.push({ name, title, kind, values });
  };
  let activity = '';
  const stage = (title: string) => {
    activity = `connectivity, ${title}`;
    watcher.progress({ activity });
  };
  function* withProgress(batches: Iterable<HostBatch>, size: number, total: number) {
    let done = 0;
    for (const host of batches) {
      watcher.progress({ activity, done, total, unit: 'windows' });
      yield host;
      done += size;
    }
  }
  /** @param tieSeed of the order of simultaneous spikes */
  const mapInputs = (
    model: Neuroformer,
    mapRefs: readonly WindowRef[],
    tieSeed = seed,
  ): MapInputs => {
    const size = Math.min(BATCH, mapRefs.length);
    const batches = windowBatches(windows, layout, mapRefs, size, tieSeed);
    return { engine, model, layout, size, batches: withProgress(batches, size, mapRefs.length) };
  };

  stage('attention');
  const trained = await attentionMaps(mapInputs(inputs.model, refs));
  add('attention', 'Attention', 'model', trained.attention);
  add('learnt', 'Attention minus uniform', 'model', trained.learned);
  stage('ablation');
  const canAblate = layout.config.rules.mask_padding;
  if (canAblate)
    add('ablation', 'Ablation', 'model', await ablationMap(mapInputs(inputs.model, ablationRefs)));

  stage('controls');
  add('uniform', 'Uniform attention', 'control', trained.uniform);
  const reshuffled = await attentionMaps(mapInputs(inputs.model, refs, seed + 1));
  add('tieshuffle', 'Attention, ties in another order', 'control', reshuffled.attention);
  if (canAblate) {
    const values = await ablationMap(mapInputs(inputs.model, ablationRefs, seed + 1));
    add('ablationtieshuffle', 'Ablation, ties in another order', 'control', values);
  }
  const untrained = untrainedModel(engine, layout, seed + 1);
  const { attention } = await attentionMaps(mapInputs(untrained.model, refs));
  add('untrained', 'Attention, untrained model', 'control', attention);
  if (canAblate) {
    const values = await ablationMap(mapInputs(untrained.model, ablationRefs));
    add('ablationuntrained', 'Ablation, untrained model', 'control', values);
  }
  untrained.store.dispose();

  stage('correlations');
  const trials = windows.recording.trials.map(({ spikes, duration }) => ({
    times: spikeTimes(spikes),
    duration,
  }));
  const coarse = binTrials(trials, 0.05);
  // Counts cannot be resolved more finely than their own bins. Event times have no bins, hence 0.
  const countStep = Math.max(
    ...windows.recording.trials.map(({ spikes }) => ('counts' in spikes ? spikes.dt : 0)),
  );
  if (countStep <= 0.01)
    add('pearson10', 'Pearson, 10 ms', 'correlation', pearsonCorrelations(binTrials(trials, 0.01)));
  add('pearson50', 'Pearson, 50 ms', 'correlation', pearsonCorrelations(coarse));
  add('partial50', 'Partial, 50 ms', 'correlation', partialCorrelations(coarse));
  const lags = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
  if (countStep <= 0.001) {
    const values = laggedCorrelations(binTrials(trials, 0.001), lags);
    add('lagged', 'Lagged, largest of 1 to 10 ms', 'correlation', values);
  }

  const neurons = layout.tokenizer.ids.neurons;
  const wiring = truth && {
    ...truth,
    group: (neuron: number) => neuronGroup(neuron, neurons, truth.groups),
  };
  return {
    neurons,
    windows: refs.length,
    ablationWindows: ablationRefs.length,
    maps: maps.map((map) => ({ ...map, scores: wiring && scoreEdges(map.values, wiring) })),
  };
}

/** Draws up to `maximum` windows at random, as many as fill whole batches. */
function drawWindows(refs: readonly WindowRef[], maximum: number, seed: number): WindowRef[] {
  const order = new HostRandom(seed).permutation(refs.length);
  return Array.from(
    order.subarray(0, countInFullBatches(maximum, refs.length, BATCH)),
    (n) => refs[n]!,
  );
}

/** A model of the same configuration with initial weights. */
function untrainedModel(engine: Engine, layout: BatchLayout, seed: number) {
  const store = new ParameterStore();
  const model = new Neuroformer(store, layout.config, modelSizes(layout.tokenizer));
  store.allocate(engine, seed);
  return { store, model };
}
