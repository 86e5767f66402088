/**
 * A WebGPU device on the CPU: WGSL compute shaders are compiled to WebAssembly SIMD and run by
 * threads. It imports nothing from the rest of the project. README.md says what it supports and
 * what it does not.
 */

import { takeThreadTimes } from './device/device.js';

export { type CpuDeviceOptions, cpuGpu, MAX_THREADS, requestCpuDevice } from './device/adapter.js';
export type { WorkerFactory } from './threads/host.js';

/**
 * The times of a CPU device since the last call, in milliseconds.
 *
 * @returns `elapsed`: how long it computed; `waited`: how long its threads waited for each other,
 *   summed over threads; `threads`: how many it has. Both times are 0 where its memory is not
 *   shared: its only thread waits for none, and is not timed. `undefined` for any other device.
 */
export function threadTimes(
  device: GPUDevice,
): { elapsed: number; waited: number; threads: number } | undefined {
  return takeThreadTimes(device);
}
