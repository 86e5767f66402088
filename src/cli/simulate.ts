/** `simulate hub` and `simulate inputs`: made-up recordings whose truth is known, as dataset folders. */

import { join } from 'node:path';
import type { Command } from 'commander';
import { countSpikesOfNetwork, groupsShow } from '../analyze/hub-check.js';
import { type DatasetFiles, hubDataset, inputsDataset } from '../dataset/simulated.js';
import { makeFolder, writeWhole } from '../node/files.js';
import { countSpikes } from '../recording/spikes.js';
import { type HubNetwork, type HubSettings, simulateHub } from '../simulate/hub.js';
import { simulateInputs } from '../simulate/inputs.js';
import { say } from '../stages/train.js';
import { grouped } from '../text/format.js';
import { count, positive, whole } from './options.js';
import { guarded, LiveLine } from './terminal.js';

export function writeDataset(folder: string, files: DatasetFiles): void {
  for (const [name, data] of Object.entries(files)) writeWhole(join(folder, name), data);
}

/** Simulates something with a live line that says how far it is. */
function watched<T>(simulate: (progress: (share: number) => void) => T): T {
  const line = new LiveLine();
  const made = simulate((share) => line.show(`simulating: ${(100 * share).toFixed(0)} %`));
  line.close();
  return made;
}

/**
 * Simulates networks with one seed after the other until correlation shows the groups but not the hubs, and says which
 * seed it was.
 */
export function simulateAccepted(settings: HubSettings, note: (text: string) => void): HubNetwork {
  const { seed = 1 } = settings;
  for (let attempt = 0; ; attempt++) {
    const network = watched((progress) =>
      simulateHub({ ...settings, seed: seed + 1000 * attempt }, progress),
    );
    const shown = groupsShow(network);
    if (shown.accepted || attempt === 9) {
      note(shown.sentence);
      return network;
    }
    note(`${shown.sentence} Trying the seed ${seed + 1000 * (attempt + 1)}.`);
  }
}

export function addSimulate(program: Command): void {
  const simulate = program
    .command('simulate')
    .description('make up a recording whose truth is known')
    .addHelpText(
      'after',
      '\nExamples:\n  neuroformer simulate hub data/hub --neurons 36\n  neuroformer simulate inputs data/inputs --neurons 100',
    );
  simulate
    .command('hub')
    .argument('<folder>', 'where to write the dataset')
    .description('spiking neurons in groups, with hubs that drive many others')
    .option('--neurons <n>', 'neurons, a multiple of the groups', count, 300)
    .option('--groups <n>', 'groups', count, 3)
    .option('--seconds <s>', 'length', positive, 600)
    .option('--seed <n>', 'of wiring and activity', whole, 1)
    .option('--force', 'write into a folder that holds something')
    .action((folder: string, options: HubSettings & { force?: boolean }) =>
      guarded(async () => {
        makeFolder(folder, options.force);
        const network = simulateAccepted(options, say);
        writeDataset(folder, hubDataset(network));
        say(`${countSpikesOfNetwork(network)} Written to ${folder}.`);
      }),
    );
  simulate
    .command('inputs')
    .argument('<folder>', 'where to write the dataset')
    .description('neurons each driven by one of as many periodic inputs, through a hidden map')
    .option('--neurons <n>', 'neurons, and inputs', count, 1000)
    .option('--seconds <s>', 'length', positive, 60)
    .option('--seed <n>', 'of the map and the activity', whole, 1)
    .option('--force', 'write into a folder that holds something')
    .action(
      (
        folder: string,
        options: { neurons: number; seconds: number; seed: number; force?: boolean },
      ) =>
        guarded(async () => {
          makeFolder(folder, options.force);
          const driven = watched((progress) => simulateInputs(options, progress));
          writeDataset(folder, inputsDataset(driven));
          const { neurons, seconds, spikes } = driven;
          say(
            `${neurons} neurons, ${seconds} s, ${grouped(countSpikes(spikes))} spikes. Written to ${folder}.`,
          );
        }),
    );
}
