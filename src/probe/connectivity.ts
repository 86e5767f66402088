/** Connectivity of a trained model with its controls, beside what correlations see, scored where the truth is known. */

import { countTrials, lagged, partial, pearson } from '../analyze/correlation.js';
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
import { wholeBatches, windowBatches } from '../train/evaluate.js';
import { ablationMap, attentionMaps, type Reading } from './attention-maps.js';

/** One map of pairs, [target x source]. */
export interface ConnectivityMap {
  /** Letters and digits, as in files. */
  readonly name: string;
  readonly title: string;
  readonly kind: 'model' | 'control' | 'correlation';
  readonly values: Float64Array;
  /** Where the true wiring is known. */
  readonly scores: EdgeScores | undefined;
}

export interface ExplainSettings {
  /** Windows read for attention, and for ablation. Default 4000 each. */
  readonly windows?: number;
  readonly ablationWindows?: number;
  readonly seed?: number;
}

export interface Explained {
  readonly neurons: number;
  readonly windows: number;
  readonly ablationWindows: number;
  readonly maps: readonly ConnectivityMap[];
}

/** What is explained. */
export interface Subject {
  readonly engine: Engine;
  readonly model: Neuroformer;
  readonly layout: BatchLayout;
  readonly windows: Windows;
  readonly refs: readonly WindowRef[];
  readonly truth: Truth | undefined;
}

const ABLATION_BATCH = 200;

/** Every map, one after the other. */
export async function explainModel(
  subject: Subject,
  settings: ExplainSettings = {},
  watcher: Watcher = silentWatcher,
): Promise<Explained> {
  const { engine, layout, windows, truth } = subject;
  const { seed = 1 } = settings;
  const chosen = choose(subject.refs, settings.windows ?? 4000, seed);
  const fewer = chosen.slice(
    0,
    wholeBatches(settings.ablationWindows ?? 4000, chosen.length, ABLATION_BATCH),
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
  function* watched(batches: Iterable<HostBatch>, size: number, total: number) {
    let done = 0;
    for (const host of batches) {
      watcher.progress({ activity, done, total, unit: 'windows' });
      yield host;
      done += size;
    }
  }
  const reading = (model: Neuroformer, refs: readonly WindowRef[], tieSeed = seed): Reading => {
    const size = Math.min(ABLATION_BATCH, refs.length);
    const batches = windowBatches(windows, layout, refs, size, tieSeed);
    return { engine, model, layout, size, batches: watched(batches, size, refs.length) };
  };

  stage('attention');
  const read = await attentionMaps(reading(subject.model, chosen));
  add('attention', 'Attention', 'model', read.attention);
  add('learnt', 'Attention minus uniform', 'model', read.learnt);
  stage('ablation');
  const masked = layout.config.rules.mask_padding;
  if (masked)
    add('ablation', 'Ablation', 'model', await ablationMap(reading(subject.model, fewer)));

  stage('controls');
  add('uniform', 'Uniform attention', 'control', read.uniform);
  const other = await attentionMaps(reading(subject.model, chosen, seed + 1));
  add('tieshuffle', 'Attention, ties in another order', 'control', other.attention);
  if (masked) {
    const again = await ablationMap(reading(subject.model, fewer, seed + 1));
    add('ablationtieshuffle', 'Ablation, ties in another order', 'control', again);
  }
  const untrained = freshModel(engine, layout, seed + 1);
  const fresh = await attentionMaps(reading(untrained.model, chosen));
  add('untrained', 'Attention, untrained model', 'control', fresh.attention);
  if (masked) {
    const values = await ablationMap(reading(untrained.model, fewer));
    add('ablationuntrained', 'Ablation, untrained model', 'control', values);
  }
  untrained.store.dispose();

  stage('correlations');
  const trials = windows.recording.trials.map(({ spikes, duration }) => ({
    times: spikeTimes(spikes),
    duration,
  }));
  const coarse = countTrials(trials, 0.05);
  // Counts have no time finer than their bins.
  const step = Math.max(
    ...windows.recording.trials.map(({ spikes }) => ('counts' in spikes ? spikes.dt : 0)),
  );
  if (step <= 0.01)
    add('pearson10', 'Pearson, 10 ms', 'correlation', pearson(countTrials(trials, 0.01)));
  add('pearson50', 'Pearson, 50 ms', 'correlation', pearson(coarse));
  add('partial50', 'Partial, 50 ms', 'correlation', partial(coarse));
  const lags = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
  if (step <= 0.001) {
    const values = lagged(countTrials(trials, 0.001), lags);
    add('lagged', 'Lagged, largest of 1 to 10 ms', 'correlation', values);
  }

  const neurons = layout.tokenizer.ids.neurons;
  const wiring = truth && {
    ...truth,
    group: (neuron: number) => neuronGroup(neuron, neurons, truth.groups),
  };
  return {
    neurons,
    windows: chosen.length,
    ablationWindows: fewer.length,
    maps: maps.map((map) => ({ ...map, scores: wiring && scoreEdges(map.values, wiring) })),
  };
}

/** Windows at random, as many as make whole batches. */
function choose(refs: readonly WindowRef[], wanted: number, seed: number): WindowRef[] {
  const order = new HostRandom(seed).permutation(refs.length);
  return Array.from(
    order.subarray(0, wholeBatches(wanted, refs.length, ABLATION_BATCH)),
    (n) => refs[n]!,
  );
}

function freshModel(engine: Engine, layout: BatchLayout, seed: number) {
  const store = new ParameterStore();
  const model = new Neuroformer(store, layout.config, modelSizes(layout.tokenizer));
  store.allocate(engine, seed);
  return { store, model };
}
