/** The choice of a device where there is no Node: the browser's WebGPU where it has a GPU, else this computer's processor. */

import { type CpuDeviceOptions, cpuGpu } from './cpu/index.js';
import { isSoftware } from './gpu/device.js';
import { Engine } from './gpu/engine.js';
import { UnsupportedError } from './gpu/errors.js';
import type { EngineOptions } from './gpu/options.js';

export interface PageEngineOptions extends EngineOptions {
  /** 'gpu' takes no other, 'cpu' asks for none. Default: 'auto', a GPU where there is one and else the CPU. */
  adapter?: 'auto' | 'gpu' | 'cpu';
  /** Of the CPU device: how many threads, and how its workers are started. */
  cpu?: Pick<CpuDeviceOptions, 'threads' | 'checked' | 'worker'>;
}

/**
 * An engine on a device of its own, or on the one handed over as `device`.
 *
 * Where it falls back to the CPU it says so, through `log` or as a warning on the console.
 *
 * @throws UnsupportedError where a GPU was asked for and there is none, or the device lacks what the kernels need.
 */
export async function createEngine(options: PageEngineOptions = {}): Promise<Engine> {
  if (options.device || options.gpu) return Engine.create(options);
  const wanted = options.adapter ?? 'auto';
  const found = wanted === 'cpu' ? 'the CPU was asked for' : await findGpu(wanted === 'gpu');
  if (typeof found !== 'string') return Engine.create({ gpu: found, ...options });
  const engine = await Engine.create({ gpu: cpuGpu(options.cpu), reason: found, ...options });
  if (wanted === 'auto')
    (options.log ?? console.warn)(`Neuroformer runs on ${engine.facts.description}: ${found}.`);
  return engine;
}

/** The browser's WebGPU, or why it does not serve. A driver that runs on the CPU is slower than the CPU device. */
async function findGpu(isNeeded: boolean): Promise<GPU | string> {
  const gpu = (globalThis.navigator as Navigator | undefined)?.gpu;
  const adapter = await gpu?.requestAdapter({ powerPreference: 'high-performance' });
  if (gpu && adapter && (isNeeded || !isSoftware(adapter.info))) return gpu;
  const reason = !gpu
    ? 'there is no WebGPU here'
    : adapter
      ? 'WebGPU has no GPU here'
      : 'WebGPU found no adapter';
  if (isNeeded) throw new UnsupportedError(`A GPU was asked for, but ${reason}.`);
  return reason;
}
