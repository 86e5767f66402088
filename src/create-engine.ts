/** Creates an engine in a browser: on its WebGPU where that has a GPU, else on the CPU device. */

import { type CpuDeviceOptions, cpuGpu } from './cpu/index.js';
import { isSoftware } from './gpu/device.js';
import type { Engine } from './gpu/engine.js';
import { UnsupportedError } from './gpu/errors.js';
import { openEngine } from './gpu/open-engine.js';
import type { EngineOptions } from './gpu/options.js';

/** How `createEngine` chooses and sets up a device. */
export interface CreateEngineOptions extends EngineOptions {
  /**
   * 'gpu' requires a GPU, 'cpu' uses the CPU device. Default: 'auto', a GPU if there is one, else
   * the CPU device.
   */
  adapter?: 'auto' | 'gpu' | 'cpu';
  /** Threads of the CPU device, 1 to 64. Default: as many as the processor runs at once. */
  threads?: number;
  /**
   * Further options of the CPU device: whether it checks every index, and how its workers are
   * started.
   */
  cpu?: Pick<CpuDeviceOptions, 'checked' | 'worker'>;
}

/**
 * Creates an engine on a new device, or on the one passed as `device`.
 *
 * Falling back to the CPU device is reported through `log`, or as a warning on the console.
 *
 * @throws UnsupportedError where `adapter` is 'gpu' and there is none, or the device lacks what the
 *   kernels need.
 */
export async function createEngine(options: CreateEngineOptions = {}): Promise<Engine> {
  const { adapter = 'auto', threads, cpu, ...engineOptions } = options;
  if (engineOptions.device || engineOptions.gpu) return openEngine(engineOptions);
  const gpu = adapter === 'cpu' ? 'the CPU was asked for' : await findGpu(adapter === 'gpu');
  if (typeof gpu !== 'string') return openEngine({ gpu, ...engineOptions });
  const engine = await openEngine({
    gpu: cpuGpu({ ...cpu, threads }),
    reason: gpu,
    ...engineOptions,
  });
  if (adapter === 'auto')
    (engineOptions.log ?? console.warn)(`Neuroformer runs on ${engine.facts.description}: ${gpu}.`);
  return engine;
}

/**
 * The browser's WebGPU, or the reason not to use it.
 *
 * A software adapter is slower than the CPU device, so it is used only if a GPU is required.
 */
async function findGpu(isRequired: boolean): Promise<GPU | string> {
  const gpu = (globalThis.navigator as Navigator | undefined)?.gpu;
  const adapter = await gpu?.requestAdapter({ powerPreference: 'high-performance' });
  if (gpu && adapter && (isRequired || !isSoftware(adapter.info))) return gpu;
  const reason = !gpu
    ? 'WebGPU is not available'
    : adapter
      ? 'WebGPU has only a software adapter'
      : 'WebGPU found no adapter';
  if (isRequired) {
    throw new UnsupportedError(
      `A GPU was asked for, but ${reason}: use a browser with WebGPU, import createEngine from ` +
        '"neuroformer-webgpu/node" in Node, or pass a GPUDevice as { device }.',
    );
  }
  return reason;
}
