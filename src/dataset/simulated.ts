/**
 * Writes simulated recordings as dataset folders: what was recorded, and beside it the truth to
 * compare results with.
 */

import { stringify } from 'yaml';
import { encodeNpz } from '../formats/npz.js';
import type { FileContents } from '../ports/run-store.js';
import { countSpikes } from '../recording/spikes.js';
import type { HubNetwork } from '../simulate/hub.js';
import { type DrivenNeurons, INPUT_DEVIATION, INPUT_MEAN, INPUT_STEP } from '../simulate/inputs.js';

/** Share of the windows that may have more spikes than the block of a configuration holds. */
export const BLOCK_CUT = 0.02;

/**
 * The smallest block that holds nearly all windows, with SOS and EOS.
 *
 * @param counts spikes of each window
 * @param cut the share of windows that may have more
 */
export function smallestBlock(counts: ArrayLike<number>, cut: number): number {
  const sorted = Int32Array.from(counts).sort();
  return sorted[Math.ceil((1 - cut) * sorted.length) - 1]! + 2;
}

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
export function hubDataset(network: HubNetwork): FileContents {
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
 * of height 1 with one pixel per input, in standard deviations; the input of each neuron is the
 * truth. Beside `dataset.yaml` there is `config.yaml`, with a model for the recording.
 */
export function drivenDataset(driven: DrivenNeurons): FileContents {
  const { neurons, seed, spikes, inputs, map } = driven;
  const samples = inputs.length / neurons;
  return {
    'spikes.npz': encodeNpz(spikeArrays(spikes)),
    'inputs.npz': encodeNpz({ frames: { data: inputs, shape: [samples, 1, neurons] } }),
    'truth.npz': encodeNpz({ map: { data: map } }),
    'dataset.yaml': stringify({
      ...sharedDescription(`${neurons} neurons and as many inputs, seed ${seed}`, driven),
      frames: {
        data: 'inputs.npz#frames',
        dt: INPUT_STEP,
        scale: 1 / INPUT_DEVIATION,
        offset: -INPUT_MEAN / INPUT_DEVIATION,
      },
      truth: { inputs: 'truth.npz#map' },
      notes: [
        'frames contain the inputs, one per pixel; truth.npz#map is the input that drives each neuron',
      ],
    }),
    'config.yaml': `# A model for this recording, whose attention is read by neuroformer explain stimulus.\n${stringify(drivenConfig(driven))}`,
  };
}

/**
 * The configuration of a model for driven neurons, and of its training. Every input is a token with
 * a learned position. There is nothing else to read: no past, and no start of the window among the
 * inputs. The trunk attends to them as in the paper, and every neuron by a query of its own.
 */
function drivenConfig({ spikes, seconds }: DrivenNeurons): object {
  const counts = new Int32Array(Math.round(seconds / INPUT_STEP));
  for (const times of spikes)
    for (const time of times) counts[Math.floor(time / INPUT_STEP + 1e-9)]! += 1;
  return {
    n_embd: 32,
    n_head: 4,
    initial_weights: 'fan_in',
    neuron_queries: { source: 'frames', n_head: 1 },
    layers: { encoder: 0, state: 1, state_history: 0, stimulus: 1 },
    window: { curr: INPUT_STEP, prev: INPUT_STEP, frame: INPUT_STEP },
    resolution: { dt: 0.005 },
    block_size: { id: smallestBlock(counts, BLOCK_CUT), prev_id: 3 },
    wave_emb: true,
    vit_encoder: false,
    frame_encoder: {
      conv_layer: false,
      n_embd_frames: 1,
      positions: 'learned',
      first_token: false,
    },
    dropout: { attn: 0, resid: 0, id: 0, im: 0, time: 0 },
    training: {
      steps: 3000,
      batch: 12,
      rate: 0.02,
      warmup: 0.05,
      floor: 0.05,
      decay: 0.1,
      clip: 1,
      split: { kind: 'blocks', fractions: { train: 0.8, validation: 0.05, test: 0.15 } },
    },
  };
}
