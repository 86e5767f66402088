/**
 * `npm run bench -- peers`, or `peers step | tiny | products | kernels`: this library and others,
 * in one process.
 *
 * jax-js and TensorFlow.js run on WebAssembly and on WebGPU. Without a GPU only jax-js runs on
 * WebGPU, by SwiftShader, where a step of TensorFlow.js takes too long. PyTorch runs if a Python
 * with it exists (NEUROFORMER_PYTHON). All run the same step from the same initial values, in turn,
 * after their losses were compared with those of a float64 reference.
 */

import { execFileSync } from 'node:child_process';
import { availableParallelism, cpus } from 'node:os';
import { STEP_SIZES, TINY_STEP_SIZES } from '../step-model.js';
import { installNavigator } from './browser.js';
import { FOLDER, installPeers } from './install.js';
import { openJax } from './jax.js';
import { type Ours, openOurs } from './ours.js';
import { raceOwnKernels } from './own-kernels.js';
import type { Peer } from './peer.js';
import { raceProducts } from './products.js';
import { raceSteps } from './steps.js';
import { openTfjs } from './tfjs.js';
import { findTorch, hasCuda, openTorch } from './torch.js';

const PARTS = ['step', 'tiny', 'products', 'kernels'] as const;
type Part = (typeof PARTS)[number];

/** Runs the named parts, or all of them, and prints their tables. */
export async function benchPeers(names: readonly string[]): Promise<void> {
  const unknown = names.find((name) => !(PARTS as readonly string[]).includes(name));
  if (unknown) throw new Error(`peers has no part "${unknown}", only ${PARTS.join(', ')}.`);
  const parts = names.length > 0 ? (names as Part[]) : PARTS;
  installPeers();
  const threads = availableParallelism();
  printHeader(threads);
  const { ours, others, baseline } = await openPeers(threads);
  const fastest = ours[0]!;
  const peers = [...ours, ...others];
  for (const part of parts) {
    console.log(`\n${part}`);
    if (part === 'step') await raceSteps(STEP_SIZES, fastest, peers, baseline);
    if (part === 'tiny') await raceSteps(TINY_STEP_SIZES, fastest, peers, baseline);
    if (part === 'products') await raceProducts(peers, threads);
    if (part === 'kernels') await raceOwnKernels(ours);
  }
  for (const peer of peers) await peer.close();
}

function printHeader(threads: number): void {
  const git = (...args: string[]) =>
    execFileSync('git', args, {
      cwd: FOLDER,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  const commit = git('rev-parse', '--short', 'HEAD').trim();
  const changed = git('status', '--porcelain', '--untracked-files=no') ? ' and changes' : '';
  const date = new Date().toISOString().slice(0, 10);
  console.log(
    `${cpus()[0]?.model.trim()}, ${threads} threads, ${process.platform} ${process.arch}, ` +
      `Node ${process.versions.node}; ${date}, commit ${commit}${changed}`,
  );
}

/** Opens every library that runs on this machine, and prints why the others do not. */
async function openPeers(threads: number) {
  const ours: Ours[] = [];
  for (const n of new Set([threads, 1])) ours.push(await openOurs('cpu', n));
  const gpu = await installNavigator();
  if (gpu) ours.push(await openOurs(gpu.choice));
  else console.log('without WebGPU libraries: this machine has no GPU and no SwiftShader');

  const others: Peer[] = [];
  const open = async (name: string, opening: Promise<Peer>) => {
    const peer = await opening.catch((error: Error) => {
      console.log(`without ${name}: ${error.message}`);
    });
    if (peer) others.push(peer);
    return peer ?? undefined;
  };
  const baseline = await open('jax-js on WebAssembly', openJax('wasm'));
  if (gpu) await open('jax-js on WebGPU', openJax('webgpu', gpu));
  await open('TensorFlow.js on WebAssembly', openTfjs('wasm'));
  if (gpu?.choice === 'gpu') await open('TensorFlow.js on WebGPU', openTfjs('webgpu', gpu));
  const python = findTorch();
  if (python) {
    for (const n of new Set([threads, 1])) await open('PyTorch', openTorch(python, 'cpu', n));
    if (hasCuda(python)) await open('PyTorch on CUDA', openTorch(python, 'cuda', 1));
  } else console.log('without PyTorch: no Python has it (set NEUROFORMER_PYTHON)');
  return { ours, others, baseline };
}
