/**
 * A network of leaky integrate-and-fire neurons in groups, each with hub neurons that drive many others of it.
 *
 * The paper's figure has 300 neurons in three groups of 100 with hubs near 50, 150 and 250, but neither its equations nor
 * its constants were published. This is a reconstruction with constants of our own, chosen so that it is hard for a
 * plain correlation: a slow input common to a group makes its neurons fire together whether they are wired or not.
 *
 * Every millisecond, a neuron that is not refractory does
 *
 *   V <- V exp(-1 ms / TAU) + sum of W_ij of the sources j whose spikes arrive now + DRIVE k,   spike and V <- 0 at V >= 1
 *
 * with k ~ Poisson(lambda_i max(0, 1 + g_i x_G)), x_G an Ornstein-Uhlenbeck process of unit variance per group. V and W
 * are in units of the threshold; times in seconds.
 */

import { HostRandom } from '../math/random.js';
import { RecordingError } from '../recording/errors.js';

export interface HubSettings {
  /** Default 300. */
  readonly neurons?: number;
  /** Default 3. */
  readonly groups?: number;
  /** Default 600. */
  readonly seconds?: number;
  readonly seed?: number;
}

/** Milliseconds: membrane, refractory period, common input; delays are drawn from 2 to 5. */
const TAU = 20;
const REFRACTORY = 3;
const COMMON_TAU = 50;
const DELAYS = [2, 3, 4, 5] as const;
/** Jump of the potential per private event. */
const DRIVE = 0.05;
/** Events per millisecond: of hubs, and of the others with a spread of 5 %. */
const HUB_EVENTS = 0.75;
const EVENTS = 0.72;
const SPREAD = 0.05;
/** Largest gain of the common input. */
const GAIN = 0.4;
const HUB_GAIN = 0.1;
/** Share of all ordered pairs with a background weight. */
const BACKGROUND_SHARE = 0.1;
/** Share of a hub's group that it drives. */
const HUB_SHARE = 0.85;

/** Constants that go with the size of a group: few strong hubs where it is small, many weaker ones where it is large. */
interface Wiring {
  readonly hubs: number;
  /** Largest weight of a hub's edges; drawn from 0.6 of it up. */
  readonly weight: number;
  /** Neurons; how far a hub's drive reaches, as a Gaussian of the distance. */
  readonly reach: number;
  readonly background: readonly [number, number];
}

const SMALL_GROUP: Wiring = { hubs: 2, weight: 0.18, reach: Infinity, background: [-0.2, 0.1] };
const LARGE_GROUP: Wiring = { hubs: 10, weight: 0.1, reach: 25, background: [-0.04, 0.02] };

function groupWiring(groupSize: number): Wiring {
  return groupSize < 50 ? SMALL_GROUP : LARGE_GROUP;
}

/** A simulated network: what happened, and what was wired. */
export interface HubNetwork {
  readonly neurons: number;
  readonly groups: number;
  readonly seconds: number;
  readonly seed: number;
  /** Seconds, rising, per neuron. */
  readonly spikes: readonly Float64Array[];
  /** [neurons x neurons], row i column j: from j to i. */
  readonly weights: Float64Array;
  /** Numbers of the hub neurons. */
  readonly hubs: readonly number[];
  /** Edges from hubs of half the weight scale or more, as flags in the layout of the weights. */
  readonly strong: Uint8Array;
}

/** The group of a neuron, when groups are of equal size. */
export function neuronGroup(neuron: number, neurons: number, groups: number): number {
  return Math.floor((neuron * groups) / neurons);
}

/**
 * Simulates a network.
 *
 * @param progress called with the share done, now and then.
 * @throws Error where the groups are too small for their hubs or nothing is to be simulated.
 */
export function simulateHub(
  settings: HubSettings = {},
  progress: (share: number) => void = () => {},
): HubNetwork {
  const { neurons = 300, groups = 3, seconds = 600, seed = 1 } = settings;
  if (!Number.isInteger(groups) || groups < 1 || neurons % groups !== 0 || neurons / groups < 6) {
    throw new RecordingError(
      `A hub network needs groups of equal size, 6 neurons or more: ${neurons} neurons in ${groups} groups cannot be.`,
    );
  }
  if (!(seconds > 0))
    throw new RecordingError(`A network should be simulated for some seconds, not ${seconds}.`);
  const random = new HostRandom(seed);
  const wired = wire(neurons, groups, random);
  const spikes = run(wired, { neurons, groups, seconds }, random, progress);
  return { neurons, groups, seconds, seed, spikes, ...wired };
}

interface Wired {
  readonly weights: Float64Array;
  readonly hubs: readonly number[];
  readonly strong: Uint8Array;
}

function wire(neurons: number, groups: number, random: HostRandom): Wired {
  const size = neurons / groups;
  const { hubs: perGroup, weight, reach, background } = groupWiring(size);
  const weights = new Float64Array(neurons * neurons);
  const strong = new Uint8Array(neurons * neurons);
  const [low, high] = background;
  for (let to = 0; to < neurons; to++)
    for (let from = 0; from < neurons; from++)
      if (to !== from && random.uniform() < BACKGROUND_SHARE)
        weights[to * neurons + from] = low + (high - low) * random.uniform();
  const hubs: number[] = [];
  for (let group = 0; group < groups; group++) {
    const first = group * size + Math.floor(size / 2) - Math.floor(perGroup / 2);
    for (let n = 0; n < perGroup; n++) hubs.push(first + n);
  }
  for (const hub of hubs) {
    const start = neuronGroup(hub, neurons, groups) * size;
    for (let to = start; to < start + size; to++) {
      if (to === hub || random.uniform() >= HUB_SHARE) continue;
      const near = Math.exp(-((to - hub) ** 2) / (2 * reach ** 2));
      const drawn = weight * (0.6 + 0.4 * random.uniform()) * near;
      weights[to * neurons + hub] = drawn;
      strong[to * neurons + hub] = Number(drawn >= weight / 2);
    }
  }
  return { weights, hubs, strong };
}

/** Where a source's spikes go: targets, weights and delays, for one source after the other. */
function outgoing(weights: Float64Array, neurons: number, random: HostRandom) {
  return Array.from({ length: neurons }, (_, from) => {
    const targets: { to: number; weight: number; delay: number }[] = [];
    for (let to = 0; to < neurons; to++) {
      const weight = weights[to * neurons + from]!;
      const delay = DELAYS[random.integer(DELAYS.length)]!;
      if (weight !== 0) targets.push({ to, weight, delay });
    }
    return targets;
  });
}

function run(
  { weights, hubs }: Wired,
  { neurons, groups, seconds }: Required<Omit<HubSettings, 'seed'>>,
  random: HostRandom,
  progress: (share: number) => void,
): Float64Array[] {
  const targets = outgoing(weights, neurons, random);
  const isHub = (n: number) => hubs.includes(n);
  const per = (f: (n: number) => number) => Float64Array.from({ length: neurons }, (_, n) => f(n));
  const gain = per((n) => (isHub(n) ? HUB_GAIN : GAIN) * random.uniform());
  const events = per((n) =>
    isHub(n) ? HUB_EVENTS : EVENTS * (1 - SPREAD + 2 * SPREAD * random.uniform()),
  );
  const group = per((n) => neuronGroup(n, neurons, groups));
  const slots = Math.max(...DELAYS) + 1;
  const arriving = Array.from({ length: slots }, () => new Float64Array(neurons));
  const potential = new Float64Array(neurons);
  const resting = new Int32Array(neurons);
  const common = Float64Array.from({ length: groups }, () => random.normal());
  const [decay, memory] = [Math.exp(-1 / TAU), Math.exp(-1 / COMMON_TAU)];
  const found: number[][] = Array.from({ length: neurons }, () => []);
  const steps = Math.round(1000 * seconds);
  for (let t = 0; t < steps; t++) {
    for (let g = 0; g < groups; g++)
      common[g] = memory * common[g]! + Math.sqrt(1 - memory ** 2) * random.normal();
    const now = arriving[t % slots]!;
    for (let n = 0; n < neurons; n++) {
      const rate = events[n]! * Math.max(0, 1 + gain[n]! * common[group[n]!]!);
      const kicks = poisson(rate, random);
      if (resting[n]! > 0) {
        resting[n]! -= 1;
        continue;
      }
      potential[n] = potential[n]! * decay + now[n]! + DRIVE * kicks;
      if (potential[n]! < 1) continue;
      potential[n] = 0;
      resting[n] = REFRACTORY;
      found[n]!.push(t / 1000);
      for (const { to, weight, delay } of targets[n]!)
        arriving[(t + delay) % slots]![to]! += weight;
    }
    now.fill(0);
    if (t % 10_000 === 0) progress(t / steps);
  }
  progress(1);
  return found.map((times) => Float64Array.from(times));
}

/** A Poisson number by inversion, for small rates. */
function poisson(rate: number, random: HostRandom): number {
  let left = random.uniform();
  let probability = Math.exp(-rate);
  let k = 0;
  while (left >= probability && k < 50) {
    left -= probability;
    k += 1;
    probability *= rate / k;
  }
  return k;
}
