import { describe, expect, it } from 'vitest';
import { spikeTriggered } from '../../src/analyze/spike-triggered.js';
import { HostRandom } from '../../src/math/random.js';
import { correlation } from '../../src/math/statistics.js';
import { tokenizerFor, windowSettings } from '../../src/neuroformer/batch.js';
import { parseConfig } from '../../src/neuroformer/config.js';
import { createRecording } from '../../src/recording/recording.js';
import { Windows } from '../../src/recording/windows.js';

const STEP = 0.05;
const COUNT = 2000;
const [HEIGHT, WIDTH] = [2, 3];
const PIXELS = HEIGHT * WIDTH;

/**
 * A film of white noise, and neurons that fire in the middle of frame n where a rule says so. The
 * window that ends with frame n sees it and the frame before.
 */
function filmed(
  rules: readonly ((film: (frame: number, pixel: number) => number, n: number) => boolean)[],
) {
  const random = new HostRandom(3);
  const data = Float32Array.from({ length: COUNT * PIXELS }, () => random.normal());
  const film = (frame: number, pixel: number) => data[frame * PIXELS + pixel] ?? 0;
  const frames = Array.from({ length: COUNT }, (_, n) => n);
  const times = rules.map((rule) =>
    Float64Array.from(
      frames.filter((n) => rule(film, n)),
      (n) => (n + 0.5) * STEP,
    ),
  );
  const recording = createRecording({
    spikes: { times },
    frames: { data, count: COUNT, height: HEIGHT, width: WIDTH, dt: STEP },
    duration: COUNT * STEP,
  });
  const { config } = parseConfig({
    window: { curr: STEP, prev: STEP, frame: 2 * STEP },
    block_size: { id: 8, prev_id: 8 },
    layers: { stimulus: 1 },
    frame_encoder: { conv_layer: false, n_embd_frames: 1 },
  });
  const windows = new Windows(recording, windowSettings(config, tokenizerFor(config, recording)));
  return { film, triggered: spikeTriggered(windows, windows.list().refs, PIXELS) };
}

const largest = (map: Float64Array, neuron: number) => {
  const row = map.subarray(neuron * PIXELS, (neuron + 1) * PIXELS);
  return row.indexOf(Math.max(...row));
};

describe('the spikes of neurons and a film', () => {
  const { film, triggered } = filmed([
    (at, n) => at(n, 4) > 1,
    (at, n) => Math.abs(at(n, 2)) > 1.5,
    () => false,
    (at, n) => at(n - 1, 1) > 1,
  ]);
  const { average, square, correlation: correlations, spikes } = triggered;

  it('have an average where a neuron is driven by one pixel', () => {
    expect(largest(average, 0)).toBe(4);
    const [own, ...others] = [...average.subarray(0, PIXELS)].sort((p, q) => q - p);
    // The mean of a normal number above 1 is 1.53.
    expect(own).toBeCloseTo(1.53 ** 2, 0);
    expect(others[0]).toBeLessThan(0.05);
  });

  it('have a square where a neuron fires at either contrast, which their average misses', () => {
    expect(largest(square, 1)).toBe(2);
    const row = (map: Float64Array) => map.subarray(PIXELS, 2 * PIXELS);
    const contrast = (map: Float64Array) =>
      row(map)[2]! / (row(map).reduce((sum, value) => sum + value, 0) - row(map)[2]!);
    expect(contrast(square)).toBeGreaterThan(3);
    expect(contrast(average)).toBeLessThan(1);
  });

  it('are 0 for a neuron without spikes', () => {
    expect([...spikes]).toEqual([expect.any(Number), expect.any(Number), 0, expect.any(Number)]);
    for (const map of [average, square, correlations])
      expect([...map.subarray(2 * PIXELS, 3 * PIXELS)]).toEqual(Array(PIXELS).fill(0));
  });

  it('correlate most with the pixel of the frame that drives a neuron, now or a frame before', () => {
    expect(largest(correlations, 0)).toBe(4);
    expect(largest(correlations, 3)).toBe(1);
    const frames = Array.from({ length: COUNT }, (_, n) => n);
    const counts = frames.map((n) => Number(film(n - 1, 1) > 1));
    // The first window sees the first frame twice.
    const before = frames.map((n) => film(Math.max(0, n - 1), 1));
    expect(correlations[3 * PIXELS + 1]).toBeCloseTo(correlation(counts, before), 6);
  });

  it('have a film whose mean brightness is known', () => {
    expect(triggered.brightness).toBeCloseTo(0, 1);
  });
});

describe('the progress of relating spikes to a film', () => {
  it('is in windows, from none to all of them', () => {
    const { config } = parseConfig({
      window: { curr: STEP, prev: STEP, frame: STEP },
      layers: { stimulus: 1 },
      frame_encoder: { conv_layer: false, n_embd_frames: 1 },
    });
    const recording = createRecording({
      spikes: { times: [[0.01]] },
      frames: { data: new Float32Array(1000), count: 1000, height: 1, width: 1, dt: STEP },
      duration: 1000 * STEP,
    });
    const windows = new Windows(recording, windowSettings(config, tokenizerFor(config, recording)));
    const states: number[][] = [];
    spikeTriggered(windows, windows.list().refs, 1, (...state) => states.push(state));
    expect(states).toEqual([0, 250, 500, 750].map((done) => [done, 1000]));
  });
});
