/** Simulated neurons tuned to place and heading, so that both can be decoded from their spikes. */

import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { encodeNpz } from '../../src/formats/npz.js';
import { HostRandom } from '../../src/math/random.js';
import { createRecording, type Recording } from '../../src/recording/recording.js';

/** Number of neurons. */
export const TUNED = 16;
/** Label of a neuron in the files, different from its index. */
export const neuronLabel = (neuron: number) => 10 * neuron + 3;
/** Seconds between samples of the variables. */
const STEP = 0.05;

/**
 * A simulated recording: place goes from 0 to 10, heading is in radians, side is the half that
 * place is in.
 */
export interface Behavior {
  /** Spike times of each neuron, in seconds. */
  readonly times: Float64Array[];
  readonly place: Float64Array;
  readonly heading: Float64Array;
  readonly side: string[];
  readonly seconds: number;
}

/**
 * Simulates behavior and spikes: the first half of the neurons is tuned to place, the second half
 * to heading.
 */
export function simulateBehavior(seconds: number, seed = 1): Behavior {
  const random = new HostRandom(seed);
  const samples = Math.round(seconds / STEP);
  const time = (n: number) => n * STEP;
  const place = Float64Array.from({ length: samples }, (_, n) => 5 + 5 * Math.sin(time(n) / 1.3));
  const heading = Float64Array.from({ length: samples }, (_, n) => (time(n) * 1.1) % (2 * Math.PI));
  const half = TUNED / 2;
  const rate = (neuron: number, n: number) =>
    neuron < half
      ? 40 * Math.exp(-((place[n]! - (10 * neuron) / (half - 1)) ** 2) / 3) + 0.5
      : 30 * Math.exp(2 * (Math.cos(heading[n]! - (2 * Math.PI * neuron) / half) - 1)) + 0.5;
  const times = Array.from({ length: TUNED }, (_, neuron) => {
    const train: number[] = [];
    for (let n = 0; n < samples; n++)
      for (let bin = 0; bin < 5; bin++)
        if (random.uniform() < rate(neuron, n) * 0.01) train.push(time(n) + bin * 0.01 + 0.002);
    return Float64Array.from(train);
  });
  const side = Array.from(place, (value) => (value < 5 ? 'left' : 'right'));
  return { times, place, heading, side, seconds };
}

/** Simulates behavior as a recording in memory. */
export function behaviorRecording(seconds: number): Recording {
  const { times, place, heading, side } = simulateBehavior(seconds);
  const series = (values: Float64Array | string[]) => ({ values, dt: STEP });
  return createRecording({
    name: 'tuned',
    spikes: { times },
    variables: { place: series(place), heading: series(heading), side: series(side) },
    duration: seconds,
  });
}

/** Configuration of a tiny model that decodes place and heading every 0.1 s. */
export const DECODING = {
  n_embd: 16,
  n_head: 2,
  window: { curr: 0.1, prev: 0.1 },
  resolution: { dt: 0.01 },
  block_size: { id: 40, prev_id: 40 },
  layers: { state: 1, state_history: 1, stimulus: 0 },
  dropout: { attn: 0, resid: 0, id: 0, im: 0, time: 0 },
  modalities: {
    behavior: {
      n_layers: 0,
      window: 0.1,
      variables: {
        place: { dt: 0.1, predict: true, objective: 'regression' },
        heading: { dt: 0.1, predict: true, objective: 'circular' },
      },
    },
  },
  loss: { variables: { place: 4, heading: 4 } },
};

/** Also decodes side, whose classes have names, so that every kind of variable is decoded. */
const EVERY_KIND = structuredClone(DECODING) as typeof DECODING & { modalities: object };
Object.assign(EVERY_KIND.modalities.behavior.variables, {
  side: { dt: 0.1, predict: true, objective: 'classification' },
});

/**
 * Creates a folder with the dataset data/, simulated for a minute, and the configuration
 * config.yaml.
 */
export function behaviorWorkspace(training: object): string {
  const folder = mkdtempSync(join(tmpdir(), 'neuroformer-'));
  mkdirSync(join(folder, 'data'));
  const { times, place, heading, side, seconds } = simulateBehavior(60);
  const spikes = times.flatMap((train, neuron) =>
    Array.from(train, (time) => [time, neuronLabel(neuron)] as const),
  );
  const arrays = encodeNpz({
    times: { data: Float64Array.from(spikes, ([time]) => time) },
    neurons: { data: Int32Array.from(spikes, ([, neuron]) => neuron) },
    place: { data: place },
    heading: { data: heading },
  });
  writeFileSync(join(folder, 'data', 'tuned.npz'), arrays);
  writeFileSync(join(folder, 'data', 'side.csv'), ['side', ...side, ''].join('\n'));
  const variable = (name: string, unit: string) => ({ data: `tuned.npz#${name}`, dt: STEP, unit });
  writeFileSync(
    join(folder, 'data', 'dataset.yaml'),
    stringify({
      name: 'tuned neurons',
      duration: seconds,
      spikes: { times: 'tuned.npz#times', neurons: 'tuned.npz#neurons', relabel: true },
      variables: {
        place: variable('place', 'cm'),
        heading: variable('heading', 'rad'),
        side: { data: 'side.csv#side', dt: STEP },
      },
    }),
  );
  writeFileSync(join(folder, 'config.yaml'), stringify({ ...EVERY_KIND, training }));
  return folder;
}
