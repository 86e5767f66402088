/**
 * The benchmarks: `npm run bench`, or
 * `npm run bench -- kernels | step | attention | generate | peers [PART] | threads | endurance | parity [DIR] | ridge [DIR]`.
 *
 * Each prints its adapter, sizes, repeats, medians with their spread, and a ratio to the CPU measured beside it. Two
 * measure no time: parity compares the model with the original's numbers, and exits with 1 where one falls outside its
 * tolerance; ridge prints the scores of the linear decoder on the recordings of this repository.
 */

import type { Engine } from '../src/engine.js';
import { createEngine } from '../src/node.js';
import { benchAttention } from './attention.js';
import { benchEndurance } from './endurance.js';
import { benchGenerate } from './generate.js';
import { benchKernels } from './kernels.js';
import { benchParity } from './parity/main.js';
import { benchPeers } from './peers/main.js';
import { benchRidge } from './ridge.js';
import { benchStep } from './step.js';
import { benchOneProcess, benchThreads } from './threads.js';

const BENCHES = {
  kernels: benchKernels,
  step: benchStep,
  attention: benchAttention,
  generate: benchGenerate,
  parity: benchParity,
  ridge: (_: Engine, root?: string) => benchRidge(root),
} as const;
type BenchName = keyof typeof BENCHES;

/** Those that open their devices themselves. */
const OF_OWN_DEVICES: Readonly<Record<string, (given: readonly string[]) => Promise<void>>> = {
  peers: benchPeers,
  threads: benchThreads,
  'one-process': benchOneProcess,
  endurance: benchEndurance,
};

/** What follows one of these is the folder it reads. */
const OF_A_FOLDER = ['parity', 'ridge'];

async function main(): Promise<void> {
  const given = process.argv.slice(2);
  const own = OF_OWN_DEVICES[given[0] ?? ''];
  if (own) return own(given.slice(1));
  const [names, folder] = OF_A_FOLDER.includes(given[0] ?? '')
    ? [given.slice(0, 1), given[1]]
    : [given, undefined];
  const unknown = names.find((name) => !(name in BENCHES));
  if (unknown)
    throw new Error(
      `There is no bench "${unknown}": it can be ${[...Object.keys(BENCHES), ...Object.keys(OF_OWN_DEVICES)].join(', ')}.`,
    );
  const engine = await createEngine();
  console.log(`adapter: ${engine.facts.description} (${engine.facts.reason})`);
  console.log(
    `parameters by ${engine.facts.immediates ? 'immediates' : 'uniform ring'}; date ${new Date().toISOString().slice(0, 10)}`,
  );
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
