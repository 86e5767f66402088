/** Whether a simulated network is fit to show anything: correlation should see its groups, but not its hubs. */

import { countSpikes } from '../recording/spikes.js';
import { type HubNetwork, neuronGroup } from '../simulate/hub.js';
import { grouped } from '../text/format.js';
import { countTrials, pearson } from './correlation.js';
import { auroc, scoreEdges } from './edges.js';

const BIN_SECONDS = 0.05;

export interface HubEvidence {
  readonly accepted: boolean;
  readonly sentence: string;
}

/** Pearson correlation in bins of 50 ms against groups, hubs, and hub edges within groups. */
export function hubEvidence(network: HubNetwork): HubEvidence {
  const { neurons, groups, seconds, spikes } = network;
  const map = pearson(countTrials([{ times: spikes, duration: seconds }], BIN_SECONDS));
  const group = (neuron: number) => neuronGroup(neuron, neurons, groups);
  const pairs = [...map.keys()].filter((at) => Math.floor(at / neurons) !== at % neurons);
  const together = pairs.map((at) =>
    Number(group(Math.floor(at / neurons)) === group(at % neurons)),
  );
  const ofGroups = auroc(
    pairs.map((at) => map[at]!),
    together,
  );
  const { hubRecall, aurocWithin } = scoreEdges(map, { ...network, group });
  const accepted = ofGroups >= 0.8 && hubRecall <= 0.34 && aurocWithin <= 0.7;
  return {
    accepted,
    sentence: `Pearson correlation (50 ms) tells pairs of one group from others with AUROC ${ofGroups.toFixed(2)}, finds ${(100 * hubRecall).toFixed(0)} % of the hubs, and hub edges within groups with AUROC ${aurocWithin.toFixed(2)}: the network is ${accepted ? 'accepted' : 'not what is wanted'}.`,
  };
}

/** How many spikes, in a sentence. */
export function countSpikesOfNetwork({ neurons, seconds, spikes, hubs, seed }: HubNetwork): string {
  return `${neurons} neurons, hubs ${hubs.join(', ')}, ${seconds} s, ${grouped(countSpikes(spikes))} spikes, seed ${seed}.`;
}
