/** The public API, safe in browsers: nothing here needs Node. */

export type { DeviceFacts } from './gpu/device.js';
export { Engine, type EngineCounts, type EngineOptions } from './gpu/engine.js';
export { DeviceLostError, GpuError, ShapeError, UnsupportedError } from './gpu/errors.js';
export { Allocation, type BufferView, type MemoryUse } from './gpu/memory.js';
export { type ProfileRow, profileTable } from './gpu/profile.js';
export { type Fetched, Step } from './gpu/step.js';
export type { Tuning } from './gpu/tuning.js';
