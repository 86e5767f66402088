/** The stage of simulating: recordings whose truth is known, as the files of a dataset folder. */

import { hubEvidence } from '../analyze/hub-check.js';
import type { DatasetFiles } from '../dataset/simulated.js';
import type { RunStore } from '../ports/run-store.js';
import type { Watcher } from '../ports/watcher.js';
import { type HubNetwork, type HubSettings, simulateHub } from '../simulate/hub.js';

/** Networks that are tried before the last is taken as it is. */
const MAX_ATTEMPTS = 10;
/** Between the seeds of one attempt and the next. */
const SEED_STEP = 1000;

/** Reports the progress of a simulation to a watcher, in the unit that the simulation counts in. */
export function simulationProgress(
  watcher: Watcher,
): (done: number, total: number, unit: string) => void {
  return (done, total, unit) => watcher.progress({ activity: 'simulating', done, total, unit });
}

/**
 * Simulates networks with one seed after the other until correlation shows the groups but not the hubs, and says which
 * seed it was.
 */
export function simulateAccepted(settings: HubSettings, watcher: Watcher): HubNetwork {
  const { seed = 1 } = settings;
  for (let attempt = 0; ; attempt++) {
    const own = { ...settings, seed: seed + SEED_STEP * attempt };
    const network = simulateHub(own, simulationProgress(watcher));
    const { accepted, sentence } = hubEvidence(network);
    if (accepted || attempt === MAX_ATTEMPTS - 1) {
      watcher.note(sentence);
      return network;
    }
    watcher.note(`${sentence} Trying the seed ${seed + SEED_STEP * (attempt + 1)}.`);
  }
}

export async function writeDataset(store: RunStore, files: DatasetFiles): Promise<void> {
  for (const [name, data] of Object.entries(files)) await store.write(name, data);
}
