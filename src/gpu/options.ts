/** What an engine is made with, what it counts, and what a dispatch may say. */

import type { KernelName, Kernels } from './kernels.js';
import type { Tuning } from './tuning.js';

/** What anyone who makes an engine may choose. */
export interface EngineOptions {
  /** A device to borrow; it is never destroyed and nothing on it is changed. Default: one of the engine's own. */
  device?: GPUDevice;
  /** Where to look for an adapter, and for WGSL language features. Default: the platform's. */
  gpu?: GPU;
  /** 0 silent, 1 adapter and run facts, 2 time per kernel, 3 each dispatch, 4 specialized WGSL. */
  debug?: number;
  /** Where DEBUG output goes. Default: `console.error`. */
  log?: (line: string) => void;
  /** Replaces single settings of the tuning table. */
  tuning?: Partial<Tuning>;
  /** False sends parameters through the uniform ring even where immediates exist. */
  immediates?: boolean;
}

/** What the platform adds to them. */
export interface PlatformOptions {
  /** Why this device was chosen, for the facts that are printed. */
  reason?: string;
  /** Called between polls while waiting for the GPU; Node yields its core here. */
  idle?: () => Promise<void>;
  /** What the device says of itself beside the time per kernel, at DEBUG=2. */
  report?: (device: GPUDevice) => string | undefined;
}

/** What an engine is made with, once there is a device. */
export interface EngineSetup extends Omit<EngineOptions, 'device' | 'gpu'>, PlatformOptions {
  reason: string;
  /** Whether the device is the caller's, and lives on. */
  borrowed: boolean;
  languageFeatures: ReadonlySet<string> | undefined;
}

/** How many things the engine did since it was created. */
export interface EngineCounts {
  dispatches: number;
  submits: number;
  bindGroups: number;
  kernels: number;
}

export interface DispatchOptions<K extends KernelName> {
  constants?: Kernels[K]['constants'];
  /** Floating-point operations, for profiles. */
  flops?: number;
}
