/**
 * The commands `simulate hub`, `simulate inputs` and `simulate visual`: simulated recordings with
 * known truth, as dataset folders.
 */

import { join } from 'node:path';
import type { Command } from 'commander';
import { drivenDataset, hubDataset } from '../dataset/simulated.js';
import { visualDataset } from '../dataset/simulated-visual.js';
import { diskStore } from '../node/disk-store.js';
import { expectEmpty } from '../ports/run-store.js';
import { countSpikes } from '../recording/spikes.js';
import { type HubSettings, simulateHub } from '../simulate/hub.js';
import { simulateInputs } from '../simulate/inputs.js';
import { simulateVisual, type VisualSettings } from '../simulate/visual/visual.js';
import {
  describeNetwork,
  describeVisual,
  simulationProgress,
  writeDataset,
} from '../stages/simulate.js';
import { formatCount } from '../text/format.js';
import { PROGRAM } from './called-as.js';
import {
  parseCount,
  parseDelays,
  parseNonNegative,
  parsePositive,
  parseShare,
  parseWhole,
} from './options.js';
import { print, printNext, runCommand } from './terminal.js';

/** Adds the command `simulate`. */
export function addSimulate(program: Command): void {
  const simulate = program
    .command('simulate')
    .description('simulate a recording whose ground truth is known')
    .addHelpText(
      'after',
      `\nExamples:\n  ${PROGRAM} simulate hub data/hub --neurons 36\n  ${PROGRAM} simulate inputs data/inputs --neurons 100\n  ${PROGRAM} simulate visual data/visual`,
    );
  simulate
    .command('hub')
    .argument('<folder>', 'folder to write the dataset to')
    .description('simulate spiking neurons in groups, with hubs that drive many others')
    .option(
      '--neurons <n>',
      'number of neurons, a multiple of the number of groups',
      parseCount,
      300,
    )
    .option('--groups <n>', 'number of groups', parseCount, 3)
    .option('--seconds <s>', 'length of the recording in seconds', parsePositive, 600)
    .option('--seed <n>', 'random seed of wiring and activity', parseWhole, 1)
    .option('--inhibition <share>', 'share of the hubs that inhibit (default: 0)', parseShare)
    .option('--strength <x>', 'factor on all weights (default: 1)', parsePositive)
    .option('--delays <ms>', 'range of the delays (default: 2-5)', parseDelays)
    .option(
      '--density <share>',
      'share of its group that a hub is connected to (default: 0.85)',
      parseShare,
    )
    .option('--force', 'write into a folder that is not empty')
    .addHelpText(
      'after',
      `\nExample:\n  ${PROGRAM} simulate hub data/inhibition --neurons 60 --inhibition 0.5`,
    )
    .action((folder: string, options: HubSettings & { force?: boolean }) =>
      runCommand(async (watcher) => {
        const store = diskStore(folder);
        await expectEmpty(store, options.force);
        const network = simulateHub(options, simulationProgress(watcher));
        watcher.close();
        await writeDataset(store, hubDataset(network));
        print(`${describeNetwork(network)} Written to ${folder}.`);
        printNext('train', folder, '--task', 'wiring');
      }),
    );
  simulate
    .command('inputs')
    .argument('<folder>', 'folder to write the dataset to')
    .description(
      'simulate neurons that are each driven by one periodic input, through a hidden map',
    )
    .option('--neurons <n>', 'number of neurons, and of inputs', parseCount, 1000)
    .option('--seconds <s>', 'length of the recording in seconds', parsePositive, 60)
    .option('--seed <n>', 'random seed of map and activity', parseWhole, 1)
    .option('--force', 'write into a folder that is not empty')
    .action(
      (
        folder: string,
        options: { neurons: number; seconds: number; seed: number; force?: boolean },
      ) =>
        runCommand(async (watcher) => {
          const store = diskStore(folder);
          await expectEmpty(store, options.force);
          const driven = simulateInputs(options, simulationProgress(watcher));
          watcher.close();
          await writeDataset(store, drivenDataset(driven));
          const { neurons, seconds, spikes } = driven;
          print(
            `${neurons} neurons, ${seconds} s, ${formatCount(countSpikes(spikes))} spikes. ${writtenWithConfig(folder)}`,
          );
          printNext('train', folder);
        }),
    );
  simulate
    .command('visual')
    .argument('<folder>', 'folder to write the dataset to')
    .description(
      'simulate a recording of visual cortex: neurons that see a film while an animal runs',
    )
    .option('--neurons <n>', 'number of neurons', parseCount, 60)
    .option('--films <n>', 'number of trials with films of their own', parseCount, 36)
    .option('--repeats <n>', 'number of repeats of one more film', parseCount, 20)
    .option('--seconds <s>', 'length of a trial in seconds', parsePositive, 32)
    .option('--modulation <x>', 'how much running and gaze matter', parseNonNegative, 1)
    .option('--size <n>', 'pixels along each side of the film', parseCount, 16)
    .option('--seed <n>', 'random seed of neurons, films, behavior and spikes', parseWhole, 1)
    .option('--force', 'write into a folder that is not empty')
    .action((folder: string, { force, ...settings }: VisualSettings & { force?: boolean }) =>
      runCommand(async (watcher) => {
        const store = diskStore(folder);
        await expectEmpty(store, force);
        const recording = simulateVisual(settings, simulationProgress(watcher));
        watcher.close();
        await writeDataset(store, visualDataset(recording));
        print(
          `${describeVisual(recording)} ${writtenWithConfig(folder)} Another one decodes behavior: ${join(folder, 'decode.yaml')}.`,
        );
        printNext('train', folder);
      }),
    );
}

/** Where a dataset was written that has a configuration beside it. */
function writtenWithConfig(folder: string): string {
  return `Written to ${folder}, with a configuration: ${join(folder, 'config.yaml')}.`;
}
