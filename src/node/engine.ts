/** The choice of a device in Node: a GPU through Dawn, else the CPU device. */

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
 * Which adapter to run on: a GPU through Dawn, the CPU device, SwiftShader through Dawn (a development dependency), or
 * a GPU where there is one and else the CPU device.
 */
export type AdapterChoice = 'auto' | 'gpu' | 'cpu' | 'swiftshader';

/** How an engine is made in Node; threads are by default those of the environment's NEUROFORMER_THREADS. */
export interface NodeEngineOptions extends Omit<CreateEngineOptions, 'adapter'> {
  /** Default: the environment's NEUROFORMER_ADAPTER, else 'auto'. */
  adapter?: AdapterChoice;
}

/** An adapter, the instance it belongs to, and why it was chosen. */
export interface SelectedAdapter {
  readonly gpu: GPU;
  readonly adapter: GPUAdapter;
  readonly reason: string;
}

const ADAPTER_CHOICES: readonly AdapterChoice[] = ['auto', 'gpu', 'cpu', 'swiftshader'];
/** Timestamps are otherwise rounded to tenths of a millisecond, a browser's precaution. */
const DAWN_FLAGS = ['disable-dawn-features=timestamp_quantization'];
/**
 * Kernels guard their own indices. The checks Dawn would add around every access cost SwiftShader a third of a training
 * step; NEUROFORMER_CHECKED=1 keeps them.
 */
const ROBUSTNESS_OFF = ['enable-dawn-features=disable_robustness'];
const POLL_MILLISECONDS = 0.3;

/**
 * An engine on the best adapter of this computer: a GPU, else the CPU device.
 *
 * With DEBUG=1..4 in the environment it says what it does.
 *
 * @throws UnsupportedError where no adapter of the kind asked for exists, saying what to do.
 */
export async function createEngine(options: NodeEngineOptions = {}): Promise<Engine> {
  const { adapter: choice, threads, cpu: _, ...own } = options;
  const debug = own.debug ?? debugLevel(process.env.DEBUG);
  if (own.device || own.gpu) {
    const idle = own.device && idleFor(own.device.adapterInfo);
    return openEngine({ ...own, debug, ...(idle && { idle }) });
  }
  const show = debug >= 4 ? (own.log ?? console.error) : undefined;
  const { gpu, adapter, reason } = await selectAdapter(choice, threads, show);
  const idle = idleFor(adapter.info);
  return openEngine({
    ...own,
    gpu,
    reason,
    debug,
    ...(idle && { idle }),
    ...(isCpu(adapter.info) && { report: describeWaiting }),
  });
}

/**
 * Looks for an adapter as `createEngine` does.
 *
 * @param show is given the CPU device's kernels in text form as they are compiled.
 * @throws UnsupportedError as there.
 */
export async function selectAdapter(
  choice?: AdapterChoice,
  threads?: number,
  show?: (text: string) => void,
): Promise<SelectedAdapter> {
  const wanted = choice ?? parseAdapterChoice(process.env.NEUROFORMER_ADAPTER);
  if (wanted === 'swiftshader') return swiftShader();
  if (wanted === 'gpu' || (wanted === 'auto' && mayHaveDriver())) {
    const found = await dawnAdapter(wanted === 'gpu' ? 'a GPU was asked for' : 'a GPU was found');
    if (found && !isSoftware(found.adapter.info)) return found;
  }
  if (wanted === 'gpu') {
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
  const reason = wanted === 'cpu' ? 'the CPU was asked for' : 'no GPU was found';
  return { gpu, adapter: (await gpu.requestAdapter())!, reason };
}

async function swiftShader(): Promise<SelectedAdapter> {
  const unavailable = swiftShaderUnavailable();
  if (unavailable) throw new UnsupportedError(`SwiftShader was asked for, but ${unavailable}.`);
  const flags = process.env.NEUROFORMER_CHECKED === '1' ? [] : ROBUSTNESS_OFF;
  const found = await withSwiftShader(() => dawnAdapter('SwiftShader was asked for', flags));
  if (!found) throw new UnsupportedError('SwiftShader was asked for, and did not start.');
  return found;
}

/** Dawn's instances, kept for good: a device outliving its collected instance takes the process down with it. */
const instances: GPU[] = [];

/** The system's adapter through Dawn; `undefined` where there is none, or no Dawn for this platform. */
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

/** Whether asking the system for an adapter can succeed; on Linux without a Vulkan driver Dawn only prints warnings. */
function mayHaveDriver(): boolean {
  if (process.platform !== 'linux') return true;
  if (process.env.VK_DRIVER_FILES || process.env.VK_ICD_FILENAMES) return true;
  const shares = ['/usr/share', '/usr/local/share', '/etc', join(homedir(), '.local/share')];
  const folders = shares.map((share) => join(share, 'vulkan/icd.d'));
  return folders.some((folder) => existsSync(folder) && readdirSync(folder).length > 0);
}

function parseAdapterChoice(text: string | undefined): AdapterChoice {
  if (text === undefined || text === '') return 'auto';
  const choice = ADAPTER_CHOICES.find((c) => c === text);
  if (!choice) {
    throw new UnsupportedError(
      `NEUROFORMER_ADAPTER is "${text}"; it can be ${ADAPTER_CHOICES.join(', ')}.`,
    );
  }
  return choice;
}

/** @throws UnsupportedError where the text is not a number of threads. */
function parseThreadCount(text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined;
  const threads = Number(text);
  if (!Number.isInteger(threads) || threads < 1 || threads > MAX_THREADS) {
    throw new UnsupportedError(`NEUROFORMER_THREADS is "${text}"; it can be 1 to ${MAX_THREADS}.`);
  }
  return threads;
}

function debugLevel(text: string | undefined): number {
  return text && /^[0-4]$/.test(text) ? Number(text) : 0;
}

function isCpu({ vendor }: GPUAdapterInfo): boolean {
  return vendor === 'cpu';
}

/** How much of their time the CPU device's threads waited for each other. */
function describeWaiting(device: GPUDevice): string | undefined {
  const times = threadTimes(device);
  if (!times || times.elapsed === 0) return undefined;
  const { elapsed, waited, threads } = times;
  const share = ((100 * waited) / (elapsed * threads)).toFixed(1);
  return `${threads} threads computed for ${elapsed.toFixed(0)} ms and waited ${share}% of it for each other`;
}

const sleeper = new Int32Array(new SharedArrayBuffer(4));

/** Dawn's events run on the event loop: one poll lets it turn once. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/**
 * What to do between polls, which only Dawn needs. SwiftShader computes on the cores that would poll: a short sleep
 * leaves them to it and halves the wall time of small work.
 */
function idleFor(info: GPUAdapterInfo): (() => Promise<void>) | undefined {
  if (isCpu(info)) return undefined;
  if (!isSoftware(info)) return turn;
  return async () => {
    await turn();
    Atomics.wait(sleeper, 0, 0, POLL_MILLISECONDS);
  };
}
