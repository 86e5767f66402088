/** Simulated networks with hubs, and the models that demonstrations of their wiring train. */

import type { Dataset } from '../dataset/dataset.js';
import { hubDataset } from '../dataset/simulated.js';
import { type HubSettings, simulateHub } from '../simulate/hub.js';
import { HUB_MODEL, HUB_TRAINING } from '../stages/demo.js';
import { simulationProgress } from '../stages/simulate.js';
import type { OpenedRun } from '../train/open-run.js';
import { type PaperContext, trainingAmount } from './claim.js';
import { datasetOnce, trainedForUpdates } from './models.js';

/** A kind of network. None is selected by what its correlations show. */
export interface HubNetworkKind {
  /** Its name in folders. */
  readonly name: string;
  readonly title: string;
  /** Its wiring, where it is not the default. */
  readonly wiring: Pick<HubSettings, 'inhibition' | 'strength' | 'delays' | 'density'>;
}

/** How a model reads a network: by attention, or by the sum of spikes of `spike_history: pairs`. */
export type HubModelKind = 'attention' | 'coupling';

const NEURONS = 60;

/**
 * The configuration that coupling is read from: nothing but the sum of spikes, because what
 * attention explains as well would be missing from it. Windows are short, so that lags, which count
 * from the last spike before a target, are nearly those to the target.
 */
const COUPLING_MODEL = {
  n_embd: 8,
  n_head: 1,
  wave_emb: true,
  layers: { state: 0, state_history: 0, stimulus: 0 },
  spike_history: { kind: 'pairs', kernels: 4 },
  block_size: { id: 5, prev_id: 18 },
  window: { curr: 0.002, prev: 0.025 },
  resolution: { dt: 0.001 },
  dropout: { attn: 0, resid: 0, id: 0, im: 0, time: 0 },
};

const SHARED_TRAINING = { ...HUB_TRAINING, checkpoint_every: 200 };

/** Model, training settings and number of updates of each kind. */
const MODELS = {
  attention: { model: HUB_MODEL, training: SHARED_TRAINING, updates: 640 },
  coupling: {
    model: COUPLING_MODEL,
    training: { ...SHARED_TRAINING, batch: 512, decay: 1 },
    updates: 1000,
  },
};

/** The dataset of a network, simulated once and kept in the store. */
function hubData(
  context: PaperContext,
  { name, title, wiring }: HubNetworkKind,
  seed: number,
): Promise<Dataset> {
  const { watcher } = context;
  const simulate = () => {
    watcher.note(`Simulating ${NEURONS} neurons: ${title}, seed ${seed}.`);
    const settings = { neurons: NEURONS, seed, ...wiring };
    return hubDataset(simulateHub(settings, simulationProgress(watcher)));
  };
  return datasetOnce(context, `data/${name}-seed${seed}`, simulate, 'dataset.yaml');
}

/** A model of a network, trained once and kept in the store. */
export async function hubRun(
  context: PaperContext,
  network: HubNetworkKind,
  kind: HubModelKind,
  seeds: { readonly network: number; readonly model: number },
): Promise<OpenedRun> {
  const { model, training, updates } = MODELS[kind];
  return trainedForUpdates(context, {
    path: `models/${network.name}-${kind}-data${seeds.network}-seed${seeds.model}`,
    dataset: await hubData(context, network, seeds.network),
    model,
    training: { ...training, seed: seeds.model },
    updates: trainingAmount(context, updates),
  });
}
