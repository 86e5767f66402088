import { expect, it } from 'vitest';
import { createRecording } from '../../src/recording/recording.js';
import { shuffleVariables } from '../../src/recording/shuffle-variables.js';

const count = (n: number, from = 0) => Float64Array.from({ length: n }, (_, k) => from + k);
const RECORDING = createRecording({
  spikes: { times: [[0.5, 1.5]] },
  variables: {
    speed: { values: count(40), dt: 0.1 },
    angle: { values: count(40, 100), times: count(40).map((n) => 0.1 * n), period: 360 },
  },
  trials: [
    { start: 0, stop: 2 },
    { start: 2, stop: 4 },
  ],
});
const samples = ({ trials }: typeof RECORDING, name: string) =>
  trials.flatMap(({ variables }) => Array.from(variables[name]!.values as Float64Array));

it('puts the samples of a variable in another order, over all trials', () => {
  const shuffled = samples(shuffleVariables(RECORDING, ['speed'], 1), 'speed');
  expect(shuffled).not.toEqual(samples(RECORDING, 'speed'));
  expect([...shuffled].sort((p, q) => p - q)).toEqual(samples(RECORDING, 'speed'));
  // A shuffle within trials would leave the first half of the numbers in the first trial.
  expect(Math.max(...shuffled.slice(0, 20))).toBeGreaterThan(20);
});

it('leaves spikes, times and other variables as they are', () => {
  const { trials } = shuffleVariables(RECORDING, ['angle'], 1);
  for (const [n, { spikes, variables }] of trials.entries()) {
    const before = RECORDING.trials[n]!;
    expect(spikes).toBe(before.spikes);
    expect(variables.speed).toBe(before.variables.speed);
    const { values: _, ...angle } = variables.angle!;
    const { values: __, ...angleBefore } = before.variables.angle!;
    expect(angle).toEqual(angleBefore);
  }
});

it('gives the same order for the same seed, and another for another variable', () => {
  const both = shuffleVariables(RECORDING, ['speed', 'angle'], 5);
  expect(shuffleVariables(RECORDING, ['speed', 'angle'], 5)).toEqual(both);
  const speed = samples(both, 'speed');
  expect(samples(both, 'angle').map((value) => value - 100)).not.toEqual(speed);
  expect(samples(shuffleVariables(RECORDING, ['speed'], 6), 'speed')).not.toEqual(speed);
});
