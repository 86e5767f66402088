/** Simulated recordings as dataset folders: what was recorded, and beside it the truth. */

import { stringify } from 'yaml';
import { encodeNpz } from '../formats/npz.js';
import { countSpikes } from '../recording/spikes.js';
import type { HubNetwork } from '../simulate/hub.js';
import { type DrivenNeurons, INPUT_STEP } from '../simulate/inputs.js';

/** Files of a dataset folder by name. */
export type DatasetFiles = Readonly<Record<string, Uint8Array | string>>;

function spikeArrays(spikes: readonly Float64Array[]) {
  const total = countSpikes(spikes);
  const times = new Float64Array(total);
  const neurons = new Int32Array(total);
  let at = 0;
  for (const [neuron, list] of spikes.entries()) {
    times.set(list, at);
    neurons.fill(neuron, at, at + list.length);
    at += list.length;
  }
  return { times: { data: times }, neurons: { data: neurons } };
}

/** What both descriptions say. */
function described(name: string, { neurons, seconds }: { neurons: number; seconds: number }) {
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
      ...described(`hub network of ${neurons} neurons, seed ${seed}`, network),
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

export function inputsDataset(driven: DrivenNeurons): DatasetFiles {
  const { neurons, seed, spikes, inputs, map } = driven;
  const samples = inputs.length / neurons;
  return {
    'spikes.npz': encodeNpz(spikeArrays(spikes)),
    'inputs.npz': encodeNpz({ frames: { data: inputs, shape: [samples, 1, neurons] } }),
    'truth.npz': encodeNpz({ map: { data: map } }),
    'dataset.yaml': stringify({
      ...described(`${neurons} neurons and as many inputs, seed ${seed}`, driven),
      frames: { data: 'inputs.npz#frames', dt: INPUT_STEP },
      notes: ['frames are the inputs, a feature each; truth.npz#map is the input of each neuron'],
    }),
  };
}
