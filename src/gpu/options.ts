/** The options of an engine and of a dispatch, and the engine's counters. */

import type { KernelName, Kernels } from './kernels.js';
import type { Tuning } from './tuning.js';

/** The options of an engine that every platform has. */
export interface EngineOptions {
  /**
   * The caller's device, which the engine uses but never destroys. Default: the engine requests its
   * own.
   */
  device?: GPUDevice;
  /**
   * The source of the adapter and of the list of WGSL language features. Default: the platform's.
   */
  gpu?: GPU;
  /**
   * What to log; levels add up. 0 nothing, 1 the adapter, 2 time per kernel, 3 each dispatch, 4
   * specialized WGSL.
   */
  debug?: number;
  /** Receives the debug output. Default: `console.error`. */
  log?: (line: string) => void;
  /** Overrides single settings of the vendor's tuning. */
  tuning?: Partial<Tuning>;
  /** False passes parameters through a uniform buffer even where the device supports immediates. */
  immediates?: boolean;
}

/** The options that the code for a platform (a browser, Node) adds. */
export interface PlatformOptions {
  /** Why this device was chosen, for `DeviceFacts.reason`. */
  reason?: string;
  /** Called between polls while waiting for the GPU. Node gives up its core here. */
  idle?: () => Promise<void>;
  /** The device's own report, printed after the time per kernel at debug level 2. */
  report?: (device: GPUDevice) => string | undefined;
}

/** The options of the engine's constructor, which is given a device. */
export interface EngineSetup extends Omit<EngineOptions, 'device' | 'gpu'>, PlatformOptions {
  /** Why this device was chosen. */
  reason: string;
  /** Whether the device is the caller's, so that the engine does not destroy it. */
  borrowed: boolean;
  /** WGSL's language features; undefined where the platform does not list them. */
  languageFeatures: ReadonlySet<string> | undefined;
}

/** Counters of an engine since it was created. */
export interface EngineCounts {
  /** Kernel dispatches submitted, replays of recorded steps included. */
  dispatches: number;
  /** Calls of `queue.submit`. */
  submits: number;
  /** Bind groups created. */
  bindGroups: number;
  /** Kernels compiled, each specialization counted. */
  kernels: number;
}

/** Options of `Engine.dispatch`. */
export interface DispatchOptions<K extends KernelName> {
  /** Values for the shader's top-level constants; the others keep the value in the file. */
  constants?: Kernels[K]['constants'];
  /** Floating-point operations of the dispatch, for profiles. Default: 0, not counted. */
  flops?: number;
}
