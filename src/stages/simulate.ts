/** The simulate stage: recordings whose ground truth is known, as files of a dataset folder. */

import { hubEvidence } from '../analyze/hub-check.js';
import type { FileContents, RunStore } from '../ports/run-store.js';
import type { Watcher } from '../ports/watcher.js';
import { countSpikes } from '../recording/spikes.js';
import { type HubNetwork, type HubSettings, simulateHub } from '../simulate/hub.js';
import { RECONSTRUCTION, type VisualRecording } from '../simulate/visual/visual.js';
import { formatCount } from '../text/format.js';

/** Maximum number of networks to try; the last one is used as it is. */
const MAX_ATTEMPTS = 10;
/** Distance between the seeds of consecutive attempts. */
const SEED_STEP = 1000;

/** Reports the progress of a simulation to a watcher, in the unit that the simulation counts in. */
export function simulationProgress(
  watcher: Watcher,
): (done: number, total: number, unit: string) => void {
  return (done, total, unit) => watcher.progress({ activity: 'simulating', done, total, unit });
}

/**
 * Simulates networks with one seed after the other until Pearson correlation shows the groups but
 * not the hubs. A network with wiring of its own is not selected: it is the first one.
 *
 * Every attempt is noted. After the last attempt its network is returned even if it was not
 * accepted.
 *
 * @throws RecordingError where the settings are invalid.
 */
export function simulateUntilAccepted(settings: HubSettings, watcher: Watcher): HubNetwork {
  if (hasOwnWiring(settings)) return simulateHub(settings, simulationProgress(watcher));
  const { seed = 1 } = settings;
  for (let attempt = 0; ; attempt++) {
    const seeded = { ...settings, seed: seed + SEED_STEP * attempt };
    const network = simulateHub(seeded, simulationProgress(watcher));
    const { accepted, sentence } = hubEvidence(network);
    if (accepted || attempt === MAX_ATTEMPTS - 1) {
      watcher.note(sentence);
      return network;
    }
    watcher.note(`${sentence} Trying seed ${seed + SEED_STEP * (attempt + 1)}.`);
  }
}

function hasOwnWiring({ inhibition, strength, delays, density }: HubSettings): boolean {
  return [inhibition, strength, delays, density].some((setting) => setting !== undefined);
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
