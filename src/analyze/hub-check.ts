/**
 * Checks whether a simulated network is suited as a demonstration: correlation should reveal its
 * groups, not its hubs.
 */

import { auroc } from '../math/statistics.js';
import { countSpikes } from '../recording/spikes.js';
import type { HubNetwork } from '../simulate/hub.js';
import { neuronGroup } from '../simulate/truth.js';
import { formatCount } from '../text/format.js';
import { binTrials, pearsonCorrelations } from './correlation.js';
import { scoreEdges } from './edges.js';

const BIN_SECONDS = 0.05;

/** The verdict on a network. */
export interface HubEvidence {
  /**
   * Whether correlation reveals the groups (AUROC 0.8 or more) but neither the hubs nor their
   * connections.
   */
  readonly accepted: boolean;
  /** The verdict with its numbers, for the user. */
  readonly sentence: string;
}

/**
 * Compares Pearson correlations in bins of 50 ms with the groups, the hubs, and the hub connections
 * within groups.
 */
export function hubEvidence(network: HubNetwork): HubEvidence {
  const { neurons, groups, seconds, spikes } = network;
  const map = pearsonCorrelations(binTrials([{ times: spikes, duration: seconds }], BIN_SECONDS));
  const group = (neuron: number) => neuronGroup(neuron, neurons, groups);
  const pairs = [...map.keys()].filter((pair) => Math.floor(pair / neurons) !== pair % neurons);
  const sameGroup = pairs.map((pair) =>
    Number(group(Math.floor(pair / neurons)) === group(pair % neurons)),
  );
  const groupAuroc = auroc(
    pairs.map((pair) => map[pair]!),
    sameGroup,
  );
  const { hubRecall, aurocWithin } = scoreEdges(map, network, true);
  const accepted = groupAuroc >= 0.8 && hubRecall <= 0.34 && aurocWithin <= 0.7;
  return {
    accepted,
    sentence: `Pearson correlation (50 ms) separates pairs within a group from other pairs with AUROC ${groupAuroc.toFixed(2)}, finds ${(100 * hubRecall).toFixed(0)}% of the hubs, and separates hub connections within groups from other pairs with AUROC ${aurocWithin.toFixed(2)}: the network is ${accepted ? 'accepted' : 'rejected'}.`,
  };
}

/** A sentence on a network: its neurons, hubs, length, spikes and seed. */
export function describeNetwork(network: HubNetwork): string {
  const { neurons, seconds, spikes, hubs, seed } = network;
  const inhibiting = hubs.filter((hub) => isInhibiting(hub, network));
  const signs = inhibiting.length > 0 ? ` (${inhibiting.join(', ')} inhibit)` : '';
  return `${neurons} neurons, hubs ${hubs.join(', ')}${signs}, ${seconds} s, ${formatCount(countSpikes(spikes))} spikes, seed ${seed}.`;
}

/** Whether the strong connections of a neuron inhibit. */
function isInhibiting(from: number, { neurons, weights, strong }: HubNetwork): boolean {
  return weights.some((weight, pair) => pair % neurons === from && strong[pair] && weight < 0);
}
