/**
 * Writes simulated recordings as dataset folders: what was recorded, and beside it the truth to
 * compare results with.
 */

import { stringify } from 'yaml';
import { encodeNpz } from '../formats/npz.js';
import { countSpikes } from '../recording/spikes.js';
import type { HubNetwork } from '../simulate/hub.js';
import { type DrivenNeurons, INPUT_STEP } from '../simulate/inputs.js';

/** The contents of the files of a dataset folder, by name. */
export type DatasetFiles = Readonly<Record<string, Uint8Array | string>>;

/**
 * The spikes of all neurons as two arrays, ordered by neuron: the time of each spike in seconds,
 * and its neuron.
 */
export function spikeArrays(spikes: readonly Float64Array[]) {
  const total = countSpikes(spikes);
  const times = new Float64Array(total);
  const neurons = new Int32Array(total);
  let offset = 0;
  for (const [neuron, list] of spikes.entries()) {
    times.set(list, offset);
    neurons.fill(neuron, offset, offset + list.length);
    offset += list.length;
  }
  return { times: { data: times }, neurons: { data: neurons } };
}

/** The keys that the descriptions of all simulations share. */
export function sharedDescription(
  name: string,
  { neurons, seconds }: { neurons: number; seconds: number },
) {
  return {
    name,
    simulated: true,
    duration: seconds,
    spikes: {
      times: 'spikes.npz#times',
      neurons: 'spikes.npz#neurons',
      unit: 's',
      count: neurons,
    },
  };
}

/**
 * The dataset folder of a simulated hub network, with its weights, strong connections and hubs as
 * the truth.
 */
export function hubDataset(network: HubNetwork): DatasetFiles {
  const { neurons, groups, seed, spikes, weights, hubs, strong } = network;
  const shape = [neurons, neurons];
  return {
    'spikes.npz': encodeNpz(spikeArrays(spikes)),
    'truth.npz': encodeNpz({
      weights: { data: weights, shape },
      strong: { data: strong, shape },
      hubs: { data: Int32Array.from(hubs) },
    }),
    'dataset.yaml': stringify({
      ...sharedDescription(`hub network of ${neurons} neurons, seed ${seed}`, network),
      truth: {
        weights: 'truth.npz#weights',
        strong: 'truth.npz#strong',
        hubs: 'truth.npz#hubs',
        groups,
      },
      notes: ['weights and strong are [target, source]: row i, column j is from j to i'],
    }),
  };
}

/**
 * The dataset folder of simulated neurons that are each driven by one input. The inputs are frames
 * of height 1 with one pixel per input; `truth.npz` has the input of each neuron.
 */
export function drivenDataset(driven: DrivenNeurons): DatasetFiles {
  const { neurons, seed, spikes, inputs, map } = driven;
  const samples = inputs.length / neurons;
  return {
    'spikes.npz': encodeNpz(spikeArrays(spikes)),
    'inputs.npz': encodeNpz({ frames: { data: inputs, shape: [samples, 1, neurons] } }),
    'truth.npz': encodeNpz({ map: { data: map } }),
    'dataset.yaml': stringify({
      ...sharedDescription(`${neurons} neurons and as many inputs, seed ${seed}`, driven),
      frames: { data: 'inputs.npz#frames', dt: INPUT_STEP },
      notes: [
        'frames contain the inputs, one per pixel; truth.npz#map is the input that drives each neuron',
      ],
    }),
  };
}
