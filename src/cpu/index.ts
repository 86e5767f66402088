/**
 * A WebGPU device on the CPU: WGSL compute shaders compiled to WebAssembly SIMD and run by threads. It imports nothing
 * of the project and knows nothing of it; what it does and does not do is in README.md.
 */

import { takeThreadTimes } from './device/device.js';

export { type CpuDeviceOptions, cpuGpu, MAX_THREADS, requestCpuDevice } from './device/adapter.js';

/**
 * Milliseconds that a CPU device computed, and that its threads, summed, waited for each other, since the last call. Both
 * are 0 where its memory is not shared: there its one thread waits for nobody, and is not timed. `undefined` of any other
 * device.
 */
export function threadTimes(
  device: GPUDevice,
): { elapsed: number; waited: number; threads: number } | undefined {
  return takeThreadTimes(device);
}
