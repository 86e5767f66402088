/** The one way to make an engine where there is no Node: on the browser's WebGPU where it has a GPU, else on the processor. */

import { type CpuDeviceOptions, cpuGpu } from './cpu/index.js';
import { isSoftware } from './gpu/device.js';
import type { Engine } from './gpu/engine.js';
import { UnsupportedError } from './gpu/errors.js';
import { openEngine } from './gpu/open-engine.js';
import type { EngineOptions } from './gpu/options.js';

/** How an engine is made. */
export interface CreateEngineOptions extends EngineOptions {
  /** 'gpu' takes no other, 'cpu' asks for none. Default: 'auto', a GPU where there is one and else the CPU device. */
  adapter?: 'auto' | 'gpu' | 'cpu';
  /** Threads of the CPU device, 1 to 64. Default: as many as can run at once. */
  threads?: number;
  /** More of the CPU device: whether it looks at every index, and how its workers are started. */
  cpu?: Pick<CpuDeviceOptions, 'checked' | 'worker'>;
}

/**
 * An engine on a device of its own, or on the one handed over as `device`.
 *
 * Where it falls back to the CPU it says so, through `log` or as a warning on the console.
 *
 * @throws UnsupportedError where a GPU was asked for and there is none, or the device lacks what the kernels need.
 */
export async function createEngine(options: CreateEngineOptions = {}): Promise<Engine> {
  const { adapter = 'auto', threads, cpu, ...own } = options;
  if (own.device || own.gpu) return openEngine(own);
  const gpu = adapter === 'cpu' ? 'the CPU was asked for' : await findGpu(adapter === 'gpu');
  if (typeof gpu !== 'string') return openEngine({ gpu, ...own });
  const engine = await openEngine({ gpu: cpuGpu({ ...cpu, threads }), reason: gpu, ...own });
  if (adapter === 'auto')
    (own.log ?? console.warn)(`Neuroformer runs on ${engine.facts.description}: ${gpu}.`);
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
  if (isNeeded) {
    throw new UnsupportedError(
      `A GPU was asked for, but ${reason}: use a browser that has it, import createEngine from ` +
        '"neuroformer-webgpu/node" in Node, or hand over a GPUDevice as { device }.',
    );
  }
  return reason;
}
