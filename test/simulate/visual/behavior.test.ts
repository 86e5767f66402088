import { describe, expect, it } from 'vitest';
import { HostRandom } from '../../../src/math/random.js';
import { correlation, mean } from '../../../src/math/statistics.js';
import {
  ornsteinUhlenbeck,
  simulateGaze,
  simulateRunning,
} from '../../../src/simulate/visual/behavior.js';

/** An hour, at 20 samples a second. */
const HOUR = 72_000;

describe('simulated behavior', () => {
  const speed = simulateRunning(HOUR, new HostRandom(1));
  const gaze = simulateGaze(HOUR, new HostRandom(2));
  const share = (isCounted: (value: number) => boolean) => speed.filter(isCounted).length / HOUR;

  it('is rest and running in turns, at 8 to 28 cm/s and never below 0', () => {
    expect(Math.min(...speed)).toBe(0);
    expect(Math.max(...speed)).toBeLessThan(40);
    // 4.5 of 11 s at rest, some of it still slowing down.
    expect(share((v) => v < 1)).toBeGreaterThan(0.2);
    expect(share((v) => v < 1)).toBeLessThan(0.4);
    expect(share((v) => v > 8)).toBeGreaterThan(0.4);
    expect(mean(speed.filter((v) => v > 8))).toBeGreaterThan(15);
    expect(mean(speed.filter((v) => v > 8))).toBeLessThan(20);
  });

  it('changes speed slowly: by less than 4 cm/s in 50 ms', () => {
    const changes = speed.slice(1).map((v, n) => Math.abs(v - speed[n]!));
    expect(Math.max(...changes)).toBeLessThan(4);
  });

  it('looks within the limits of saccades, give or take the drift', () => {
    for (const [angle, limit, deviation] of [
      [gaze.phi, 12, 6],
      [gaze.theta, 8, 4],
    ] as const) {
      expect(Math.max(...angle.map(Math.abs))).toBeLessThan(limit + 2);
      expect(Math.abs(mean(angle))).toBeLessThan(0.1 * deviation);
      const deviationOfAngle = Math.sqrt(mean(angle.map((value) => value ** 2)));
      expect(deviationOfAngle / deviation).toBeGreaterThan(0.85);
      expect(deviationOfAngle / deviation).toBeLessThan(1);
    }
  });

  it('makes a saccade every two seconds, with both axes at once', () => {
    const jumps = (angle: Float32Array, least: number) =>
      Array.from({ length: HOUR - 1 }, (_, n) => n).filter(
        (n) => Math.abs(angle[n + 1]! - angle[n]!) > least,
      );
    const phi = jumps(gaze.phi, 2);
    // Small saccades are missed, and large ones counted in two samples.
    expect(phi.length / 3600).toBeGreaterThan(0.4);
    expect(phi.length / 3600).toBeLessThan(0.6);
    const theta = new Set(jumps(gaze.theta, 1));
    expect(phi.filter((n) => theta.has(n)).length / phi.length).toBeGreaterThan(0.6);
  });
});

it('an Ornstein-Uhlenbeck process has unit variance and forgets with its time constant', () => {
  const values = ornsteinUhlenbeck(HOUR, 0.5, new HostRandom(3));
  expect(Math.abs(mean(values.map((value) => value ** 2)) - 1)).toBeLessThan(0.1);
  const lagged = (samples: number) => correlation(values.slice(samples), values.slice(0, -samples));
  expect(lagged(1)).toBeCloseTo(Math.exp(-0.1), 2);
  expect(lagged(10)).toBeCloseTo(Math.exp(-1), 1);
});
