/**
 * The benchmarks: `npm run bench`, or `npm run bench -- kernels | step | attention | generate | parity [DIR]`.
 *
 * Each prints its adapter, sizes, repeats, medians with their spread, and a ratio to the CPU measured beside it; parity
 * compares the model with the original's numbers instead, and exits with 1 where one falls outside its tolerance.
 */

import { createEngine } from '../src/node.js';
import { benchAttention } from './attention.js';
import { benchGenerate } from './generate.js';
import { benchKernels } from './kernels.js';
import { benchParity } from './parity/main.js';
import { benchStep } from './step.js';

const BENCHES = {
  kernels: benchKernels,
  step: benchStep,
  attention: benchAttention,
  generate: benchGenerate,
  parity: benchParity,
} as const;
type BenchName = keyof typeof BENCHES;

async function main(): Promise<void> {
  const given = process.argv.slice(2);
  // What follows parity is the folder of its cases.
  const [names, folder] = given[0] === 'parity' ? [['parity'], given[1]] : [given, undefined];
  const unknown = names.find((name) => !(name in BENCHES));
  if (unknown)
    throw new Error(
      `There is no bench "${unknown}": it can be ${Object.keys(BENCHES).join(', ')}.`,
    );
  const engine = await createEngine();
  console.log(`adapter: ${engine.facts.description} (${engine.facts.reason})`);
  console.log(
    `parameters by ${engine.facts.immediates ? 'immediates' : 'uniform ring'}; date ${new Date().toISOString().slice(0, 10)}`,
  );
  for (const name of names.length > 0 ? (names as BenchName[]) : (['kernels', 'step'] as const)) {
    console.log(`\n${name}`);
    await (name === 'parity' ? benchParity(engine, folder) : BENCHES[name](engine));
  }
  engine.dispose();
}

main().catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});
