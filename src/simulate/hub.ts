/**
 * Simulates a network of leaky integrate-and-fire neurons in groups. Each group has hub neurons
 * that drive most of it.
 *
 * The paper's figure has 300 neurons in three groups of 100 with hubs near 50, 150 and 250, but
 * neither its equations nor its constants were published. This is a reconstruction with our own
 * constants. They are chosen to be hard for a plain correlation: a slow common input makes the
 * neurons of a group fire together whether they are connected or not.
 *
 * Every millisecond, a neuron that is not refractory does
 *
 *   V <- V exp(-1 ms / TAU) + sum of W_ij over the sources j whose spikes arrive now + DRIVE k,
 *   and at V >= 1 it spikes and V <- 0,
 *
 * with k ~ Poisson(lambda_i max(0, 1 + g_i x_G)) and an Ornstein-Uhlenbeck process x_G of unit
 * variance per group. V and W are in units of the threshold, times in seconds.
 *
 * Hubs excite, and their connections are strong, fast and dense, unless the settings say otherwise.
 */

import { HostRandom } from '../math/random.js';
import { RecordingError } from '../recording/errors.js';
import { neuronGroup, type Wiring } from './truth.js';

/** What network to simulate, and for how long. */
export interface HubSettings {
  /** How many neurons there are, a multiple of the groups. Default 300. */
  readonly neurons?: number;
  /** How many groups of equal size there are. Default 3. */
  readonly groups?: number;
  /** Length of the simulation. Default 600. */
  readonly seconds?: number;
  /** Seed of the connections and of the activity. Default 1. */
  readonly seed?: number;
  /** Share of the hubs whose connections inhibit. Default 0. */
  readonly inhibition?: number;
  /** Factor on all weights. Default 1. */
  readonly strength?: number;
  /** Shortest and longest delay of connections, whole ms. Default 2 to 5. */
  readonly delays?: DelayRange;
  /** Share of its group that a hub is connected to. Default 0.85. */
  readonly density?: number;
}

/** The shortest and the longest delay of connections, in whole ms. */
export type DelayRange = readonly [shortest: number, longest: number];

/** Time constant of the membrane, ms. */
const TAU = 20;
/** Refractory period, ms. */
const REFRACTORY = 3;
/** Time constant of the common input, ms. */
const COMMON_TAU = 50;
/** Range that the delay of each connection is drawn from. */
const DELAYS: DelayRange = [2, 5];
/** Jump of the potential per event of a neuron's private input. */
const DRIVE = 0.05;
/** Events per millisecond: of hubs, and of other neurons before their spread. */
const HUB_EVENTS = 0.75;
const EVENTS = 0.72;
const SPREAD = 0.05;
/** Largest gain of the common input: of other neurons, and of hubs. */
const GAIN = 0.4;
const HUB_GAIN = 0.1;
/** Share of all ordered pairs that have a background connection. */
const BACKGROUND_SHARE = 0.1;
/** Share of its group that a hub is connected to. */
const HUB_SHARE = 0.85;

/**
 * Constants that depend on the size of a group: few strong hubs in a small group, many weaker ones
 * in a large group.
 */
interface GroupConstants {
  /** Hubs per group. */
  readonly hubs: number;
  /** Largest weight of a hub's connections. Weights are drawn from 0.6 of it up. */
  readonly weight: number;
  /**
   * How far a hub's drive reaches: standard deviation of a Gaussian over the distance, in neurons.
   */
  readonly reach: number;
  /** Range of the background weights. */
  readonly background: readonly [number, number];
}

const SMALL_GROUP: GroupConstants = {
  hubs: 2,
  weight: 0.18,
  reach: Infinity,
  background: [-0.2, 0.1],
};
const LARGE_GROUP: GroupConstants = {
  hubs: 10,
  weight: 0.1,
  reach: 25,
  background: [-0.04, 0.02],
};

function groupConstants(groupSize: number): GroupConstants {
  return groupSize < 50 ? SMALL_GROUP : LARGE_GROUP;
}

/** A simulated network: its spikes and its true connections. */
export interface HubNetwork extends Wiring {
  /** Length of the simulation. */
  readonly seconds: number;
  /** Seed of the connections and of the activity. */
  readonly seed: number;
  /** Spike times of each neuron, in seconds, ascending. */
  readonly spikes: readonly Float64Array[];
  /**
   * 1 for each connection from a hub, of either sign, with at least half the largest weight, else
   * 0.
   */
  readonly strong: Uint8Array;
}

/**
 * Simulates a network. The same settings give the same network and spikes.
 *
 * @param progress called every 10 simulated seconds with the seconds so far, the seconds in all,
 *   and the unit
 * @throws RecordingError where the groups differ in size or are too small for their hubs, the
 *   length is not above 0, or a setting of the wiring is out of its range
 */
export function simulateHub(
  settings: HubSettings = {},
  progress: (done: number, total: number, unit: string) => void = () => {},
): HubNetwork {
  const complete = { ...DEFAULTS, ...settings };
  checkSettings(complete);
  const { neurons, groups, seconds, seed } = complete;
  const random = new HostRandom(seed);
  const connections = connect(complete, random);
  const spikes = simulateSpikes(connections, complete, random, (done) =>
    progress(done, seconds, 's'),
  );
  return { neurons, groups, seconds, seed, spikes, ...connections };
}

type CompleteSettings = Required<HubSettings>;

const DEFAULTS: CompleteSettings = {
  neurons: 300,
  groups: 3,
  seconds: 600,
  seed: 1,
  inhibition: 0,
  strength: 1,
  delays: DELAYS,
  density: HUB_SHARE,
};

/** @throws RecordingError */
function checkSettings(settings: CompleteSettings): void {
  const { neurons, groups, seconds, inhibition, strength, delays, density } = settings;
  if (!Number.isInteger(groups) || groups < 1 || neurons % groups !== 0 || neurons / groups < 6) {
    throw new RecordingError(
      `A hub network needs groups of equal size with at least 6 neurons each; ${neurons} neurons cannot form ${groups} such groups.`,
    );
  }
  if (!(seconds > 0))
    throw new RecordingError(
      `The length of a simulation should be above 0 seconds, but is ${seconds}.`,
    );
  if (!(inhibition >= 0 && inhibition <= 1))
    throw new RecordingError(
      `The share of hubs that inhibit should be from 0 to 1, but is ${inhibition}.`,
    );
  if (!(density > 0 && density <= 1))
    throw new RecordingError(
      `The share of its group that a hub is connected to should be above 0 and at most 1, but is ${density}.`,
    );
  if (!(strength > 0 && strength < Infinity))
    throw new RecordingError(`The factor on weights should be above 0, but is ${strength}.`);
  const [shortest, longest] = delays;
  if (!delays.every(Number.isInteger) || shortest < 1 || longest < shortest)
    throw new RecordingError(
      `Delays should be whole numbers of ms, 1 or more and the longest last, but are ${shortest} to ${longest}.`,
    );
}

type Connections = Pick<HubNetwork, 'weights' | 'hubs' | 'strong'>;

/** Draws the background connections, then those of the hubs, which replace them. */
function connect(
  { neurons, groups, inhibition, strength, density }: CompleteSettings,
  random: HostRandom,
): Connections {
  const size = neurons / groups;
  const { hubs: hubsPerGroup, weight: maxWeight, reach, background } = groupConstants(size);
  const weights = new Float64Array(neurons * neurons);
  const strong = new Uint8Array(neurons * neurons);
  const [low, high] = background;
  for (let to = 0; to < neurons; to++)
    for (let from = 0; from < neurons; from++)
      if (to !== from && random.uniform() < BACKGROUND_SHARE)
        weights[to * neurons + from] = strength * (low + (high - low) * random.uniform());
  const hubs: number[] = [];
  for (let group = 0; group < groups; group++) {
    const firstHub = group * size + Math.floor(size / 2) - Math.floor(hubsPerGroup / 2);
    for (let n = 0; n < hubsPerGroup; n++) hubs.push(firstHub + n);
  }
  for (const [n, hub] of hubs.entries()) {
    // Inhibiting hubs are spread evenly over all, and thus over the groups.
    const inhibits = Math.round((n + 1) * inhibition) > Math.round(n * inhibition);
    const groupStart = neuronGroup(hub, neurons, groups) * size;
    for (let to = groupStart; to < groupStart + size; to++) {
      if (to === hub || random.uniform() >= density) continue;
      const falloff = Math.exp(-((to - hub) ** 2) / (2 * reach ** 2));
      const weight = maxWeight * (0.6 + 0.4 * random.uniform()) * falloff;
      weights[to * neurons + hub] = (inhibits ? -strength : strength) * weight;
      strong[to * neurons + hub] = Number(weight >= maxWeight / 2);
    }
  }
  return { weights, hubs, strong };
}

/** The outgoing connections of each neuron, with a random delay each. */
function outgoingConnections(
  weights: Float64Array,
  { neurons, delays: [shortest, longest] }: CompleteSettings,
  random: HostRandom,
) {
  return Array.from({ length: neurons }, (_, from) => {
    const targets: { to: number; weight: number; delay: number }[] = [];
    for (let to = 0; to < neurons; to++) {
      const weight = weights[to * neurons + from]!;
      const delay = shortest + random.integer(longest - shortest + 1);
      if (weight !== 0) targets.push({ to, weight, delay });
    }
    return targets;
  });
}

/** @param progress called with the seconds so far */
function simulateSpikes(
  { weights, hubs }: Connections,
  settings: CompleteSettings,
  random: HostRandom,
  progress: (seconds: number) => void,
): Float64Array[] {
  const { neurons, groups, seconds, delays } = settings;
  const targets = outgoingConnections(weights, settings, random);
  const isHub = (n: number) => hubs.includes(n);
  const perNeuron = (value: (neuron: number) => number) =>
    Float64Array.from({ length: neurons }, (_, n) => value(n));
  const gain = perNeuron((n) => (isHub(n) ? HUB_GAIN : GAIN) * random.uniform());
  const eventRate = perNeuron((n) =>
    isHub(n) ? HUB_EVENTS : EVENTS * (1 - SPREAD + 2 * SPREAD * random.uniform()),
  );
  const group = perNeuron((n) => neuronGroup(n, neurons, groups));
  // Input that is still on its way: a ring of one slot per millisecond, as long as the longest
  // delay.
  const slots = delays[1] + 1;
  const delayedInput = Array.from({ length: slots }, () => new Float64Array(neurons));
  const potential = new Float64Array(neurons);
  const refractoryLeft = new Int32Array(neurons);
  const commonInput = Float64Array.from({ length: groups }, () => random.normal());
  const [decay, commonDecay] = [Math.exp(-1 / TAU), Math.exp(-1 / COMMON_TAU)];
  const spikes: number[][] = Array.from({ length: neurons }, () => []);
  const milliseconds = Math.round(1000 * seconds);
  for (let t = 0; t < milliseconds; t++) {
    for (let g = 0; g < groups; g++)
      commonInput[g] =
        commonDecay * commonInput[g]! + Math.sqrt(1 - commonDecay ** 2) * random.normal();
    const input = delayedInput[t % slots]!;
    for (let n = 0; n < neurons; n++) {
      const rate = eventRate[n]! * Math.max(0, 1 + gain[n]! * commonInput[group[n]!]!);
      const events = random.poisson(rate);
      if (refractoryLeft[n]! > 0) {
        refractoryLeft[n]! -= 1;
        continue;
      }
      potential[n] = potential[n]! * decay + input[n]! + DRIVE * events;
      if (potential[n]! < 1) continue;
      potential[n] = 0;
      refractoryLeft[n] = REFRACTORY;
      spikes[n]!.push(t / 1000);
      for (const { to, weight, delay } of targets[n]!)
        delayedInput[(t + delay) % slots]![to]! += weight;
    }
    input.fill(0);
    if (t % 10_000 === 0) progress(t / 1000);
  }
  progress(seconds);
  return spikes.map((times) => Float64Array.from(times));
}
