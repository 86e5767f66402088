/** The simulate stage: recordings whose ground truth is known, as files of a dataset folder. */

import type { FileContents, RunStore } from '../ports/run-store.js';
import type { Watcher } from '../ports/watcher.js';
import { countSpikes } from '../recording/spikes.js';
import type { HubNetwork } from '../simulate/hub.js';
import { RECONSTRUCTION, type VisualRecording } from '../simulate/visual/visual.js';
import { formatCount } from '../text/format.js';

/** Reports the progress of a simulation to a watcher, in the unit that the simulation counts in. */
export function simulationProgress(
  watcher: Watcher,
): (done: number, total: number, unit: string) => void {
  return (done, total, unit) => watcher.progress({ activity: 'simulating', done, total, unit });
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

/** Sentences on a simulated visual recording: its size, how predictable it is, and what it is. */
export function describeVisual(recording: VisualRecording): string {
  const { neurons, trials, seconds, repeats, seed, spikes, truth } = recording;
  const count = countSpikes(spikes);
  const rate = count / neurons / (seconds * trials.length);
  const { rateBits, filmBits, repeats: reliability } = truth.ceiling;
  const agreement = reliability
    .map(({ bin, halves }) => `${halves.toFixed(2)} in bins of ${Math.round(1000 * bin)} ms`)
    .join(' and ');
  return [
    `${neurons} neurons, ${trials.length} trials of ${seconds} s, ${formatCount(count)} spikes (${rate.toFixed(2)} Hz per neuron), seed ${seed}.`,
    `The true rates tell ${rateBits.toFixed(2)} bits a spike, the film ${filmBits.toFixed(2)}; two halves of the ${repeats} repeats correlate ${agreement}.`,
    RECONSTRUCTION,
  ].join(' ');
}

/**
 * Writes the files of a dataset into a store.
 *
 * @throws FileError where the store cannot be written.
 */
export async function writeDataset(store: RunStore, files: FileContents): Promise<void> {
  await store.writeTogether(files);
}
