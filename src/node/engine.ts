/** Chooses a device in Node: a GPU through Dawn where there is one, else the CPU device. */

import { existsSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { cpuGpu, MAX_THREADS, threadTimes } from '../cpu/index.js';
import type { CreateEngineOptions } from '../create-engine.js';
import { isSoftware } from '../gpu/device.js';
import type { Engine } from '../gpu/engine.js';
import { UnsupportedError } from '../gpu/errors.js';
import { openEngine } from '../gpu/open-engine.js';
import { swiftShaderUnavailable, withSwiftShader } from './swiftshader.js';

/**
 * Which adapter to run on. 'gpu' is a GPU through Dawn, 'cpu' the CPU device, and 'swiftshader' the
 * software driver SwiftShader through Dawn (a development dependency). 'auto' takes a GPU where
 * there is one and else the CPU device.
 */
export type AdapterChoice = 'auto' | 'gpu' | 'cpu' | 'swiftshader';

/**
 * How an engine is made in Node. `threads` defaults to the environment variable
 * NEUROFORMER_THREADS.
 */
export interface NodeEngineOptions extends Omit<CreateEngineOptions, 'adapter'> {
  /** Default: the environment variable NEUROFORMER_ADAPTER, else 'auto'. */
  adapter?: AdapterChoice;
}

/** An adapter and why it was chosen. */
export interface SelectedAdapter {
  /** The WebGPU instance that the adapter belongs to. */
  readonly gpu: GPU;
  /** The adapter, from which a device can be requested. */
  readonly adapter: GPUAdapter;
  /** Why it was chosen, in words, such as 'no GPU was found'. */
  readonly reason: string;
}

const ADAPTER_CHOICES: readonly AdapterChoice[] = ['auto', 'gpu', 'cpu', 'swiftshader'];
/** Without this flag Dawn rounds timestamps to 0.1 ms, as browsers do for privacy. */
const DAWN_FLAGS = ['disable-dawn-features=timestamp_quantization'];
/**
 * Kernels check their own indices. Dawn's additional checks of every memory access cost a third of
 * a training step on SwiftShader; NEUROFORMER_CHECKED=1 keeps them.
 */
const ROBUSTNESS_OFF = ['enable-dawn-features=disable_robustness'];
const POLL_MILLISECONDS = 0.3;

/**
 * Makes an engine on the best adapter of this computer, or on a device that is passed in.
 *
 * The environment variable DEBUG (0 to 4) sets the default of `debug`: how much the engine logs.
 *
 * @throws UnsupportedError where there is no adapter of the requested kind; the message says what
 *   to do.
 */
export async function createEngine(options: NodeEngineOptions = {}): Promise<Engine> {
  const { adapter: choice, threads, cpu: _, ...engineOptions } = options;
  const debug = engineOptions.debug ?? debugLevel(process.env.DEBUG);
  if (engineOptions.device || engineOptions.gpu) {
    const idle = engineOptions.device && idleFor(engineOptions.device.adapterInfo);
    return openEngine({ ...engineOptions, debug, ...(idle && { idle }) });
  }
  const show = debug >= 4 ? (engineOptions.log ?? console.error) : undefined;
  const { gpu, adapter, reason } = await selectAdapter(choice, threads, show);
  const idle = idleFor(adapter.info);
  return openEngine({
    ...engineOptions,
    gpu,
    reason,
    debug,
    ...(idle && { idle }),
    ...(isCpu(adapter.info) && { report: describeWaiting }),
  });
}

/**
 * Selects an adapter as `createEngine` does.
 *
 * @param choice default: the environment variable NEUROFORMER_ADAPTER, else 'auto'.
 * @param threads of the CPU device; default: the environment variable NEUROFORMER_THREADS, else as
 *   many as run at the same time.
 * @param show receives the text form of the CPU device's kernels as they are compiled.
 * @throws UnsupportedError where there is no adapter of the requested kind, or one of the
 *   environment variables is not valid.
 */
export async function selectAdapter(
  choice?: AdapterChoice,
  threads?: number,
  show?: (text: string) => void,
): Promise<SelectedAdapter> {
  const requested = choice ?? parseAdapterChoice(process.env.NEUROFORMER_ADAPTER);
  if (requested === 'swiftshader') return swiftShader();
  if (requested === 'gpu' || (requested === 'auto' && mayHaveDriver())) {
    const reason = requested === 'gpu' ? 'a GPU was asked for' : 'a GPU was found';
    const selected = await dawnAdapter(reason);
    if (selected && !isSoftware(selected.adapter.info)) return selected;
  }
  if (requested === 'gpu') {
    throw new UnsupportedError(
      'No GPU was found: check that its Vulkan, Metal or D3D12 driver is installed, or unset ' +
        'NEUROFORMER_ADAPTER to run on the CPU.',
    );
  }
  const gpu = cpuGpu({
    threads: threads ?? parseThreadCount(process.env.NEUROFORMER_THREADS),
    checked: process.env.NEUROFORMER_CHECKED === '1',
    show: show && ((text) => show(text())),
  });
  const reason = requested === 'cpu' ? 'the CPU was asked for' : 'no GPU was found';
  return { gpu, adapter: (await gpu.requestAdapter())!, reason };
}

async function swiftShader(): Promise<SelectedAdapter> {
  const unavailable = swiftShaderUnavailable();
  if (unavailable) throw new UnsupportedError(`SwiftShader was asked for, but ${unavailable}.`);
  const flags = process.env.NEUROFORMER_CHECKED === '1' ? [] : ROBUSTNESS_OFF;
  const selected = await withSwiftShader(() => dawnAdapter('SwiftShader was asked for', flags));
  if (!selected) throw new UnsupportedError('SwiftShader was asked for, but did not start.');
  return selected;
}

/** Keeps Dawn's instances alive: if one is collected before its device, the process crashes. */
const instances: GPU[] = [];

/** Dawn's default adapter; undefined where there is none, or no Dawn for this platform. */
async function dawnAdapter(
  reason: string,
  flags: readonly string[] = [],
): Promise<SelectedAdapter | undefined> {
  const dawn = await import('webgpu').catch(() => undefined);
  const gpu = dawn?.create([...DAWN_FLAGS, ...flags]);
  if (!gpu) return undefined;
  instances.push(gpu);
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  return adapter ? { gpu, adapter, reason } : undefined;
}

/**
 * Whether requesting an adapter from Dawn can succeed. On Linux without a Vulkan driver it cannot,
 * and Dawn prints warnings.
 */
function mayHaveDriver(): boolean {
  if (process.platform !== 'linux') return true;
  if (process.env.VK_DRIVER_FILES || process.env.VK_ICD_FILENAMES) return true;
  const shares = ['/usr/share', '/usr/local/share', '/etc', join(homedir(), '.local/share')];
  const folders = shares.map((share) => join(share, 'vulkan/icd.d'));
  return folders.some((folder) => existsSync(folder) && readdirSync(folder).length > 0);
}

function parseAdapterChoice(text: string | undefined): AdapterChoice {
  if (text === undefined || text === '') return 'auto';
  const choice = ADAPTER_CHOICES.find((known) => known === text);
  if (!choice) {
    const last = ADAPTER_CHOICES.at(-1);
    const choices = ADAPTER_CHOICES.slice(0, -1).join(', ');
    throw new UnsupportedError(
      `NEUROFORMER_ADAPTER is "${text}"; it should be ${choices} or ${last}.`,
    );
  }
  return choice;
}

/** @throws UnsupportedError where the text is not a valid number of threads. */
function parseThreadCount(text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined;
  const threads = Number(text);
  if (!Number.isInteger(threads) || threads < 1 || threads > MAX_THREADS) {
    throw new UnsupportedError(
      `NEUROFORMER_THREADS is "${text}"; it should be a number from 1 to ${MAX_THREADS}.`,
    );
  }
  return threads;
}

function debugLevel(text: string | undefined): number {
  return text && /^[0-4]$/.test(text) ? Number(text) : 0;
}

function isCpu({ vendor }: GPUAdapterInfo): boolean {
  return vendor === 'cpu';
}

/** Describes the share of their time that the CPU device's threads waited for each other. */
function describeWaiting(device: GPUDevice): string | undefined {
  const times = threadTimes(device);
  if (!times || times.elapsed === 0) return undefined;
  const { elapsed, waited, threads } = times;
  const share = ((100 * waited) / (elapsed * threads)).toFixed(1);
  return `${threads} threads computed for ${elapsed.toFixed(0)} ms and spent ${share}% of it waiting for each other`;
}

const sleeper = new Int32Array(new SharedArrayBuffer(4));

/** Lets the event loop turn once, on which Dawn delivers its events. */
const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/**
 * What to do between two polls of the device; only Dawn's devices are polled. SwiftShader computes
 * on the same cores that poll, so a short sleep leaves them to it and halves the wall time of small
 * work.
 */
function idleFor(info: GPUAdapterInfo): (() => Promise<void>) | undefined {
  if (isCpu(info)) return undefined;
  if (!isSoftware(info)) return nextTurn;
  return async () => {
    await nextTurn();
    Atomics.wait(sleeper, 0, 0, POLL_MILLISECONDS);
  };
}
