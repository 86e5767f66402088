/** The commands and their options; one file for each command beside this one. */

import { Command } from 'commander';
import { VERSION } from '../version.gen.js';
import { addConnectivity, addReport } from './connectivity.js';
import { addDecode } from './decode.js';
import { addDemo } from './demo.js';
import { addDevices } from './devices.js';
import { addGenerate } from './generate.js';
import { addInspect } from './inspect.js';
import { addLabels } from './labels.js';
import { addSimulate } from './simulate.js';
import { addTrain } from './train.js';

/** The command line, ready to parse its arguments. */
export function createProgram(): Command {
  const program = new Command('neuroformer')
    .description(
      'A GPT over spikes, on any GPU: inspect, train, decode, generate, read connectivity. Start with: neuroformer demo, or neuroformer inspect <your file>',
    )
    .version(VERSION)
    .option('--threads <n>', 'of the CPU, where it computes: 1 to 64 (default: all there are)')
    .hook('preAction', () => {
      const { threads } = program.opts<{ threads?: string }>();
      if (threads !== undefined) process.env.NEUROFORMER_THREADS = threads;
    })
    .showHelpAfterError('(add --help for what there is)')
    .configureHelp({ sortSubcommands: false });

  addDemo(program);
  addSimulate(program);
  addInspect(program);
  addTrain(program);
  addGenerate(program);
  addDecode(program);
  addLabels(program);
  addConnectivity(program);
  addReport(program);
  addDevices(program);
  return program;
}
