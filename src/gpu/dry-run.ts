/**
 * Dry runs: a computation on a device that computes nothing and only creates empty objects. The
 * counters of the memory pool then show how much memory the same computation takes on the real
 * device.
 */

import type { Engine } from './engine.js';
import type { MemoryUse } from './memory.js';
import { openEngine } from './open-engine.js';

/**
 * Runs `fn` on an engine that computes nothing, with the limits and tuning of `engine`, and returns
 * the memory it used. `fn` cannot read results: buffers of the dry device have no contents.
 */
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

const doNothing = (): void => {};

/** The part of GPUDevice that an engine calls, with objects that do nothing. */
function emptyDevice({ limits, features, adapterInfo }: GPUDevice): GPUDevice {
  const handle = () => ({});
  const pass = { setPipeline: doNothing, setBindGroup: doNothing, setImmediates: doNothing };
  const encoder = {
    clearBuffer: doNothing,
    copyBufferToBuffer: doNothing,
    beginComputePass: () => ({ ...pass, dispatchWorkgroups: doNothing, end: doNothing }),
    finish: handle,
  };
  const device = {
    limits,
    features,
    adapterInfo,
    lost: new Promise<never>(doNothing),
    queue: { writeBuffer: doNothing, submit: doNothing, onSubmittedWorkDone: async () => {} },
    pushErrorScope: doNothing,
    popErrorScope: async () => null,
    createBuffer: ({ size, usage }: GPUBufferDescriptor) => ({ size, usage, destroy: doNothing }),
    createBindGroup: handle,
    createBindGroupLayout: handle,
    createPipelineLayout: handle,
    createShaderModule: handle,
    createComputePipeline: handle,
    createCommandEncoder: () => encoder,
    destroy: doNothing,
  };
  return device as unknown as GPUDevice;
}
