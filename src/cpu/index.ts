/**
 * A WebGPU device on the CPU: WGSL compute shaders compiled to WebAssembly SIMD and run by threads. It imports nothing
 * of the project and knows nothing of it; what it does and does not do is in README.md.
 */

export { type CpuDeviceOptions, cpuGpu, MAX_THREADS, requestCpuDevice } from './device/adapter.js';
