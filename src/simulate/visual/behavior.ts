/**
 * The behavior of a simulated session: how fast the animal runs and where it looks, sampled at
 * every frame. It goes on from one trial to the next, so no two trials have the same.
 */

import type { HostRandom } from '../../math/random.js';
import { decay, FRAME_SECONDS } from './clock.js';

/** Where the animal looks, relative to straight ahead. */
export interface Gaze {
  /** Degrees to the right, [samples]. */
  readonly phi: Float32Array;
  /** Degrees down, [samples]. */
  readonly theta: Float32Array;
}

/** Mean seconds of rest and of running, beyond the shortest. */
const REST_SECONDS = 4;
const RUN_SECONDS = 6;
/** The shortest rest, and the shortest run, in seconds. */
const SHORTEST_SECONDS = 0.5;
/** Range of the speed that a run aims at, cm/s. */
const RUN_GOAL = [8, 28] as const;
/** Time constant with which the speed follows its goal, seconds. */
const SPEED_TAU = 0.6;
/** Deviation (cm/s) and time constant (seconds) of the speed's wobble. */
const WOBBLE = 2;
const WOBBLE_TAU = 1;
/** cm/s from which on the wobble is complete; an animal at rest has none. */
const FULL_WOBBLE_SPEED = 8;

/** Saccades per second. */
const SACCADE_RATE = 0.5;
/** Time constant with which the eye reaches a new target, seconds. */
const SACCADE_TAU = 0.05;
/** Deviation and limit of the targets of saccades, degrees. */
const PHI_TARGET = { deviation: 6, limit: 12 };
const THETA_TARGET = { deviation: 4, limit: 8 };
/** Deviation (degrees) and time constant (seconds) of the drift between saccades. */
const DRIFT = 0.4;
const DRIFT_TAU = 0.5;

/** An Ornstein-Uhlenbeck process of unit variance, [samples], one sample a frame. */
export function ornsteinUhlenbeck(samples: number, tau: number, random: HostRandom): Float64Array {
  const kept = decay(FRAME_SECONDS, tau);
  const noise = Math.sqrt(1 - kept ** 2);
  let value = random.normal();
  return Float64Array.from({ length: samples }, () => {
    const sample = value;
    value = kept * value + noise * random.normal();
    return sample;
  });
}

/**
 * Running speed: rest and runs take turns, and the speed follows its goal with a delay and a
 * wobble.
 *
 * @returns cm/s, never below 0, [samples]
 */
export function simulateRunning(samples: number, random: HostRandom): Float32Array {
  const wobble = ornsteinUhlenbeck(samples, WOBBLE_TAU, random);
  const kept = decay(FRAME_SECONDS, SPEED_TAU);
  let [isRunning, goal, speed] = [false, 0, 0];
  let secondsLeft = SHORTEST_SECONDS + random.exponential(REST_SECONDS);
  return Float32Array.from(wobble, (sample) => {
    secondsLeft -= FRAME_SECONDS;
    if (secondsLeft < 0) {
      isRunning = !isRunning;
      goal = isRunning ? random.between(...RUN_GOAL) : 0;
      secondsLeft = SHORTEST_SECONDS + random.exponential(isRunning ? RUN_SECONDS : REST_SECONDS);
    }
    speed = goal + (speed - goal) * kept;
    return Math.max(0, speed + WOBBLE * sample * Math.min(1, speed / FULL_WOBBLE_SPEED));
  });
}

/** Gaze: saccades to random targets, and a slow drift. */
export function simulateGaze(samples: number, random: HostRandom): Gaze {
  const phiDrift = ornsteinUhlenbeck(samples, DRIFT_TAU, random);
  const thetaDrift = ornsteinUhlenbeck(samples, DRIFT_TAU, random);
  const kept = decay(FRAME_SECONDS, SACCADE_TAU);
  const drawTarget = ({ deviation, limit }: typeof PHI_TARGET) =>
    Math.max(-limit, Math.min(limit, deviation * random.normal()));
  const target = { phi: drawTarget(PHI_TARGET), theta: drawTarget(THETA_TARGET) };
  const eye = { ...target };
  const phi = new Float32Array(samples);
  const theta = new Float32Array(samples);
  for (let n = 0; n < samples; n++) {
    if (random.uniform() < SACCADE_RATE * FRAME_SECONDS) {
      target.phi = drawTarget(PHI_TARGET);
      target.theta = drawTarget(THETA_TARGET);
    }
    eye.phi = target.phi + (eye.phi - target.phi) * kept;
    eye.theta = target.theta + (eye.theta - target.theta) * kept;
    phi[n] = eye.phi + DRIFT * phiDrift[n]!;
    theta[n] = eye.theta + DRIFT * thetaDrift[n]!;
  }
  return { phi, theta };
}
