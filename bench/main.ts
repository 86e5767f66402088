/**
 * The benchmarks: `npm run bench`, or `npm run bench -- NAME`, with NAME one of kernels, step,
 * attention, neuron-queries, generate, peers [PART], threads, endurance, parity [DIR], ridge [DIR],
 * picture OUT.png FIGURE.svg...
 *
 * Each prints its adapter, sizes, repeats, medians with their range, and a ratio to a CPU
 * measurement of the same run. Three measure no time. `parity` compares the model with the
 * original's numbers, and exits with 1 if one is outside its tolerance. `ridge` prints the scores
 * of the linear decoder on the recordings of this repository. `picture` draws those of the READMEs.
 */

import { execFileSync } from 'node:child_process';
import type { Engine } from '../src/engine.js';
import { createEngine } from '../src/node.js';
import { benchAttention } from './attention.js';
import { benchEndurance } from './endurance.js';
import { benchGenerate } from './generate.js';
import { benchKernels } from './kernels.js';
import { benchNeuronQueries } from './neuron-queries.js';
import { benchParity } from './parity/main.js';
import { benchPeers } from './peers/main.js';
import { drawPicture } from './picture.js';
import { benchRidge } from './ridge.js';
import { benchStep } from './step.js';
import { benchOneProcess, benchThreads } from './threads.js';

const BENCHES = {
  kernels: benchKernels,
  step: benchStep,
  attention: benchAttention,
  'neuron-queries': benchNeuronQueries,
  generate: benchGenerate,
  parity: benchParity,
  ridge: (_: Engine, root?: string) => benchRidge(root),
} as const;
type BenchName = keyof typeof BENCHES;

/** Benchmarks that open their devices themselves, called with the arguments after their name. */
const DEVICE_BENCHES: Readonly<Record<string, (args: readonly string[]) => Promise<void>>> = {
  peers: benchPeers,
  threads: benchThreads,
  'one-process': benchOneProcess,
  endurance: benchEndurance,
  picture: drawPicture,
};

/** Benchmarks whose name may be followed by the folder to read. */
const FOLDER_BENCHES = ['parity', 'ridge'];

/** The commit that is measured, and whether the tree differs from it. */
function commit(): string {
  const git = (...args: string[]) => execFileSync('git', args, { encoding: 'utf8' }).trim();
  try {
    const isClean = git('status', '--porcelain') === '';
    return `commit ${git('rev-parse', '--short', 'HEAD')}${isClean ? '' : ', with changes'}`;
  } catch {
    return 'no commit: this is not a clone';
  }
}

async function main(): Promise<void> {
  const args = process.argv.slice(2);
  const deviceBench = DEVICE_BENCHES[args[0] ?? ''];
  if (deviceBench) return deviceBench(args.slice(1));
  const [names, folder] = FOLDER_BENCHES.includes(args[0] ?? '')
    ? [args.slice(0, 1), args[1]]
    : [args, undefined];
  const unknown = names.find((name) => !(name in BENCHES));
  if (unknown)
    throw new Error(
      `There is no benchmark "${unknown}", only ${[...Object.keys(BENCHES), ...Object.keys(DEVICE_BENCHES)].join(', ')}.`,
    );
  const engine = await createEngine();
  console.log(`adapter: ${engine.facts.description} (${engine.facts.reason})`);
  const parameters = engine.facts.immediates ? 'immediates' : 'uniform ring';
  const date = new Date().toISOString().slice(0, 10);
  console.log(`parameters by ${parameters}; date ${date}; ${commit()}`);
  for (const name of names.length > 0 ? (names as BenchName[]) : (['kernels', 'step'] as const)) {
    console.log(`\n${name}`);
    await BENCHES[name](engine, folder);
  }
  engine.dispose();
}

main().catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});
