/**
 * How behavior changes the rates of simulated visual neurons: by running, by gaze, and by a slow
 * state that all share. Only some of it is linear in the spikes.
 *
 *   M_i = strength (running_i(v) + gaze_i(phi, theta)) + 0.25 x(t), less its mean,
 *   running_i: one of a sig((v - 10) / 4), 1.3 a exp(-(v - v_i)^2 / 50), -a sig((v - 10) / 4),
 *   gaze_i: b exp(-(p - p_i)^2 / 2 s^2), p either phi or theta.
 */

import type { HostRandom } from '../../math/random.js';
import { type Gaze, ornsteinUhlenbeck } from './behavior.js';

/** Range of the gain a of running, and of the speeds v_i that some neurons prefer, cm/s. */
const RUNNING_GAIN = [0.6, 1.3] as const;
const PREFERRED_SPEED = [4, 26] as const;
/** Range of the gain b of gaze. */
const GAZE_GAIN = [0.7, 1.4] as const;
/** Degrees: the farthest preferred gaze p_i, and the width s. */
const PHI_TUNING = { farthest: 10, width: 5 };
const THETA_TUNING = { farthest: 7, width: 3.5 };
/** Deviation and time constant (seconds) of the state that all neurons share. */
const SHARED_GAIN = 0.25;
const SHARED_TAU = 2;

/** How the logarithm of one neuron's rate depends on behavior. */
export interface Tuning {
  /** @param v running speed, cm/s */
  readonly running: (v: number) => number;
  /** @param phi degrees @param theta degrees */
  readonly gaze: (phi: number, theta: number) => number;
}

const sigmoid = (v: number) => 1 / (1 + Math.exp(-(v - 10) / 4));

/** Draws the tuning of all neurons: a third of each kind to running, half to each axis of gaze. */
export function drawTuning(neurons: number, random: HostRandom): Tuning[] {
  const runningKind = random.permutation(neurons).map((rank) => rank % 3);
  const isPhi = random.permutation(neurons).map((rank) => rank % 2);
  return Array.from({ length: neurons }, (_, n) => {
    const a = random.between(...RUNNING_GAIN);
    const preferred = random.between(...PREFERRED_SPEED);
    const running = [
      (v: number) => a * sigmoid(v),
      (v: number) => 1.3 * a * Math.exp(-((v - preferred) ** 2) / 50),
      (v: number) => -a * sigmoid(v),
    ][runningKind[n]!]!;
    const b = random.between(...GAZE_GAIN);
    const { farthest, width } = isPhi[n] ? PHI_TUNING : THETA_TUNING;
    const center = random.between(-farthest, farthest);
    const bump = (p: number) => b * Math.exp(-((p - center) ** 2) / (2 * width ** 2));
    return { running, gaze: isPhi[n] ? (phi) => bump(phi) : (_phi, theta) => bump(theta) };
  });
}

/**
 * What behavior adds to the logarithm of each neuron's rate, with a mean of 0 over the session.
 *
 * @param strength of running and gaze
 * @returns [neurons, samples]
 */
export function modulate(
  tuning: readonly Tuning[],
  speed: Float32Array,
  { phi, theta }: Gaze,
  strength: number,
  random: HostRandom,
): Float64Array {
  const samples = speed.length;
  const shared = ornsteinUhlenbeck(samples, SHARED_TAU, random);
  const modulation = new Float64Array(tuning.length * samples);
  for (const [neuron, { running, gaze }] of tuning.entries()) {
    const row = modulation.subarray(neuron * samples, (neuron + 1) * samples);
    let sum = 0;
    for (let n = 0; n < samples; n++) {
      const behavior = running(speed[n]!) + gaze(phi[n]!, theta[n]!);
      row[n] = strength * behavior + SHARED_GAIN * shared[n]!;
      sum += row[n]!;
    }
    for (let n = 0; n < samples; n++) row[n]! -= sum / samples;
  }
  return modulation;
}
