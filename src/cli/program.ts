/** The command line with all its commands; each command has a file beside this one. */

import { Command } from 'commander';
import { VERSION } from '../version.gen.js';
import { PROGRAM } from './called-as.js';
import { addDecode } from './decode.js';
import { addDemo } from './demo.js';
import { addDevices } from './devices.js';
import { addConnectivity, addExplain } from './explain.js';
import { addFinetune } from './finetune.js';
import { addGenerate } from './generate.js';
import { addInit } from './init.js';
import { addInspect } from './inspect.js';
import { addLabels } from './labels.js';
import { addLadder } from './ladder.js';
import { addLatents } from './latents.js';
import { parseThreads } from './options.js';
import { addPaper } from './paper.js';
import { addReport } from './report.js';
import { addSimulate } from './simulate.js';
import { addTrain } from './train.js';

/** Creates the command line, ready to parse arguments. */
export function createProgram(): Command {
  const program = new Command(PROGRAM)
    .description(
      `A GPT over spikes, on any GPU or none: inspect recordings, train models, decode behavior, generate spikes, read connectivity.\n\nStart with: ${PROGRAM} demo, or ${PROGRAM} inspect <your file>`,
    )
    .version(VERSION)
    .option(
      '--threads <n>',
      'CPU threads, 1 to 64, used without a GPU (default: all)',
      parseThreads,
    )
    .hook('preAction', (_, command) => {
      refuseEmptyTexts(command);
      const { threads } = program.opts<{ threads?: number }>();
      if (threads !== undefined) process.env.NEUROFORMER_THREADS = `${threads}`;
    })
    .showHelpAfterError('(run with --help for usage)')
    .configureHelp({ sortSubcommands: false });

  addDemo(program);
  addSimulate(program);
  addInspect(program);
  addInit(program);
  addTrain(program);
  addFinetune(program);
  addGenerate(program);
  addDecode(program);
  addLabels(program);
  addLadder(program);
  addLatents(program);
  addConnectivity(program);
  addExplain(program);
  addReport(program);
  addPaper(program);
  addDevices(program);
  return program;
}

/**
 * Ends a command that was given an empty text, as a shell gives where a variable is not set: an
 * empty path would be the current folder.
 */
function refuseEmptyTexts(command: Command): void {
  const isEmpty = (value: unknown) => typeof value === 'string' && value.trim() === '';
  const argument = command.registeredArguments.find((_, n) => isEmpty(command.processedArgs[n]));
  const option = command.options.find((known) =>
    isEmpty(command.getOptionValue(known.attributeName())),
  );
  const name = argument ? `<${argument.name()}>` : option?.flags;
  if (name !== undefined)
    command.error(`error: ${name} is an empty text: give it a value, or leave it out.`);
}
