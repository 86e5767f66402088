/**
 * Training in Node: 30 neurons that follow running speed, a model of them, and the speed decoded
 * from their spikes.
 */

import * as nf from 'neuroformer-webgpu/node';

const speed = Float64Array.from({ length: 2400 }, (_, n) => 10 + 10 * Math.sin(n / 40)); // cm/s
const fires = (neuron: number, v: number) => 60 * Math.random() < (neuron % 2 ? v : 20 - v);
const times = Array.from({ length: 30 }, (_, neuron) =>
  [...speed.keys()].filter((n) => fires(neuron, speed[n]!)).map((n) => n / 20),
);
const variables = { speed: { values: speed, dt: 0.05 } };
const recording = nf.createRecording({ spikes: { times }, variables }); // all times in seconds

const predicted = { speed: { dt: 0.05, predict: true, objective: 'regression' } };
const modalities = { behavior: { n_layers: 0, window: 0.05, variables: predicted } };
const size = { n_embd: 32, n_head: 4, layers: { state: 1, state_history: 1, stimulus: 0 } };
const windows = { window: { curr: 0.1, prev: 0.3 }, block_size: { id: 50, prev_id: 120 } };
const config = { ...size, ...windows, modalities, training: { steps: 150, batch: 32 } };
const watcher = { note: console.log, progress() {}, shouldStop: () => false };
const options = { engine: nf.createEngine, store: nf.diskStore('runs/example'), watcher };

const run = await nf.train(recording, config, options);
console.log((await nf.decode(run, {}, options)).methods[0]?.scores.speed); // of the test part
await nf.report(run); // runs/example/report.html
