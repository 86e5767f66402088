/** The public API in Node: everything of the browser-safe entry, with an engine that finds a GPU through Dawn. */

import { existsSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { create } from 'webgpu';
import { isSoftware } from './gpu/device.js';
import { Engine } from './gpu/engine.js';
import { UnsupportedError } from './gpu/errors.js';
import type { EngineOptions } from './gpu/options.js';
import { softwareUnavailable, withSoftwareDriver } from './software.js';

export { type Dataset, openDataset } from './data/dataset.js';
export * from './index.js';
export { readConfigFile } from './train/config-file.js';

/** Which adapter to run on: a GPU, the software adapter, or a GPU where there is one. */
export type AdapterChoice = 'auto' | 'gpu' | 'software';

export interface NodeEngineOptions extends EngineOptions {
  /** Default: the environment's NEUROFORMER_ADAPTER, else 'auto'. */
  adapter?: AdapterChoice;
}

/** An adapter, the instance it belongs to, and why it was chosen. */
export interface FoundAdapter {
  readonly gpu: GPU;
  readonly adapter: GPUAdapter;
  readonly reason: string;
}

const CHOICES: readonly AdapterChoice[] = ['auto', 'gpu', 'software'];
/** Timestamps are otherwise rounded to tenths of a millisecond, a browser's precaution. */
const DAWN_FLAGS = ['disable-dawn-features=timestamp_quantization'];
/**
 * Kernels guard their own indices. The checks Dawn would add around every access cost the software adapter a third of
 * a training step; NEUROFORMER_CHECKED=1 keeps them.
 */
const UNCHECKED = ['enable-dawn-features=disable_robustness'];
const POLL_MILLISECONDS = 0.3;

/**
 * An engine on the best adapter of this computer: a GPU, else the software adapter.
 *
 * With DEBUG=1..4 in the environment it says what it does.
 *
 * @throws UnsupportedError where no adapter of the kind asked for exists, saying what to do.
 */
export async function createEngine(options: NodeEngineOptions = {}): Promise<Engine> {
  const debug = options.debug ?? debugLevel(process.env.DEBUG);
  if (options.device) {
    return Engine.create({ idle: idleFor(options.device.adapterInfo), debug, ...options });
  }
  const { gpu, adapter, reason } = await findAdapter(options.adapter);
  return Engine.create({ gpu, reason, idle: idleFor(adapter.info), debug, ...options });
}

/**
 * Looks for an adapter as `createEngine` does.
 *
 * @throws UnsupportedError as there.
 */
export async function findAdapter(choice?: AdapterChoice): Promise<FoundAdapter> {
  const wanted = choice ?? choiceOf(process.env.NEUROFORMER_ADAPTER);
  let system: FoundAdapter | undefined;
  if (wanted === 'gpu' || (wanted === 'auto' && mayHaveDriver())) {
    system = await systemAdapter(wanted === 'gpu' ? 'a GPU was asked for' : 'a GPU was found');
    if (system && !isSoftware(system.adapter.info)) return system;
  }
  if (wanted === 'gpu') {
    throw new UnsupportedError(
      'No GPU was found: check that its Vulkan, Metal or D3D12 driver is installed, or unset ' +
        'NEUROFORMER_ADAPTER to run on the software adapter.',
    );
  }
  const unavailable = softwareUnavailable();
  if (unavailable && system)
    return { ...system, reason: 'no GPU was found; the system has this one' };
  if (unavailable && wanted === 'software') {
    throw new UnsupportedError(`The software adapter was asked for, but ${unavailable}.`);
  }
  if (unavailable) throw new UnsupportedError(`No GPU was found, and ${unavailable}.`);
  const reason = wanted === 'software' ? 'the software adapter was asked for' : 'no GPU was found';
  const flags = process.env.NEUROFORMER_CHECKED === '1' ? [] : UNCHECKED;
  const software = await withSoftwareDriver(() => systemAdapter(reason, flags));
  if (!software)
    throw new UnsupportedError('No GPU was found, and the software adapter did not start.');
  return software;
}

/** Dawn's instances, kept for good: a device outliving its collected instance takes the process down with it. */
const instances: GPU[] = [];

async function systemAdapter(
  reason: string,
  flags: readonly string[] = [],
): Promise<FoundAdapter | undefined> {
  const gpu = create([...DAWN_FLAGS, ...flags]);
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

function choiceOf(text: string | undefined): AdapterChoice {
  if (text === undefined || text === '') return 'auto';
  const choice = CHOICES.find((c) => c === text);
  if (!choice) {
    throw new UnsupportedError(
      `NEUROFORMER_ADAPTER is "${text}"; it can be ${CHOICES.join(', ')}.`,
    );
  }
  return choice;
}

function debugLevel(text: string | undefined): number {
  return text && /^[0-4]$/.test(text) ? Number(text) : 0;
}

const sleeper = new Int32Array(new SharedArrayBuffer(4));

/** Dawn's events run on the event loop: one poll lets it turn once. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/**
 * What to do between polls. A software adapter computes on the cores that would poll: a short sleep leaves them to it
 * and halves the wall time of small work.
 */
function idleFor(info: GPUAdapterInfo): () => Promise<void> {
  if (!isSoftware(info)) return turn;
  return async () => {
    await turn();
    Atomics.wait(sleeper, 0, 0, POLL_MILLISECONDS);
  };
}
