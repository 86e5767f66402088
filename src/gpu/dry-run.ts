/**
 * Dry runs: work on a device that computes nothing and only hands out handles, so that the pool's own counters
 * say beforehand what memory the same work takes on the real one.
 */

import type { Engine } from './engine.js';
import type { MemoryUse } from './memory.js';
import { openEngine } from './open-engine.js';

/** Runs `fn` on an engine of the same limits and tuning that computes nothing. Nothing it reads back means anything. */
export async function dryRun(engine: Engine, fn: (dry: Engine) => void): Promise<MemoryUse> {
  const dry = await openEngine({
    device: emptyDevice(engine.device),
    tuning: engine.tuning,
    immediates: engine.facts.immediates,
    debug: 0,
  });
  try {
    fn(dry);
    return dry.memory();
  } finally {
    dry.dispose();
  }
}

const nothing = (): void => {};

/** As much of a GPUDevice as an engine calls; every object it makes is a handle to nothing. */
function emptyDevice({ limits, features, adapterInfo }: GPUDevice): GPUDevice {
  const handle = () => ({});
  const pass = { setPipeline: nothing, setBindGroup: nothing, setImmediates: nothing };
  const encoder = {
    clearBuffer: nothing,
    copyBufferToBuffer: nothing,
    beginComputePass: () => ({ ...pass, dispatchWorkgroups: nothing, end: nothing }),
    finish: handle,
  };
  const device = {
    limits,
    features,
    adapterInfo,
    lost: new Promise<never>(nothing),
    queue: { writeBuffer: nothing, submit: nothing, onSubmittedWorkDone: async () => {} },
    pushErrorScope: nothing,
    popErrorScope: async () => null,
    createBuffer: ({ size, usage }: GPUBufferDescriptor) => ({ size, usage, destroy: nothing }),
    createBindGroup: handle,
    createBindGroupLayout: handle,
    createPipelineLayout: handle,
    createShaderModule: handle,
    createComputePipeline: handle,
    createCommandEncoder: () => encoder,
    destroy: nothing,
  };
  return device as unknown as GPUDevice;
}
