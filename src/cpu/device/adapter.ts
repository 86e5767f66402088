/** The way in: a GPU object, its adapter, and the device of this computer's processor. */

import type { Executor } from '../threads/executor.js';
import {
  availableThreads,
  canShareMemory,
  startWorker,
  type WorkerFactory,
  type WorkerStarter,
} from '../threads/host.js';
import { PrivateExecutor } from '../threads/private-executor.js';
import { SharedExecutor } from '../threads/shared-executor.js';
import type { TestHooks } from '../threads/test-hooks.js';
import { LANGUAGE_FEATURES } from '../wgsl/language-features.js';
import { CpuDevice } from './device.js';
import { domException } from './errors.js';
import { FEATURES, grantLimits, LIMITS } from './limits.js';
import { unsigned } from './numbers.js';

/** Threads of a device, at most. */
export const MAX_THREADS = 64;
/** What WebGPU tells of subgroups where they are not among the features. */
const NO_SUBGROUPS = { subgroupMinSize: 4, subgroupMaxSize: 128 };

/** How a device is made, beyond what WebGPU asks. */
export interface CpuDeviceOptions {
  /** How many threads compute: 1 to 64. Default: as many as can run at once; 1 in a page that cannot share memory. */
  threads?: number | undefined;
  /**
   * Looks at every index into an array. One that is outside ends the device with a sentence that says where; kernels
   * run several times slower. Default: false.
   */
  checked?: boolean | undefined;
  /** Is given every compiled kernel in WebAssembly's text form, when it asks for it. */
  show?: ((text: () => string) => void) | undefined;
  /** In a page: makes a worker that runs this room's threads/worker.js, where a bundler does not find it by itself. */
  worker?: WorkerFactory | undefined;
  /** For tests. */
  hooks?: TestHooks | undefined;
}

/** `GPU`, as `navigator.gpu` is one, whose adapter is this computer's processor. */
export function cpuGpu(options: CpuDeviceOptions = {}): GPU {
  const gpu = {
    wgslLanguageFeatures: new Set(LANGUAGE_FEATURES),
    requestAdapter: async () => new CpuAdapter(options),
    getPreferredCanvasFormat: () => 'bgra8unorm',
  };
  return gpu as unknown as GPU;
}

/**
 * A device that compiles kernels to WebAssembly and runs them on this computer's processor.
 *
 * @throws Error where the workers cannot be started, or `threads` is not 1 to 64.
 */
export function requestCpuDevice(
  options: CpuDeviceOptions & GPUDeviceDescriptor = {},
): Promise<GPUDevice> {
  const descriptor: GPUDeviceDescriptor = {
    requiredFeatures: [...FEATURES],
    requiredLimits: LIMITS as unknown as Record<string, number>,
    ...options,
  };
  return new CpuAdapter(options).requestDevice(descriptor);
}

/** What there is on this computer, and the one device that it gives. */
export class CpuAdapter implements GPUAdapter {
  declare readonly __brand: 'GPUAdapter';
  readonly features: GPUSupportedFeatures = new Set(FEATURES) as GPUSupportedFeatures;
  readonly limits: GPUSupportedLimits = LIMITS as GPUSupportedLimits;
  readonly info: GPUAdapterInfo;
  readonly isFallbackAdapter = true;
  readonly #options: CpuDeviceOptions;
  readonly #threads: number;
  readonly #isShared: boolean;
  #isUsed = false;

  /** @throws Error where the number of threads is not 1 to 64. */
  constructor(options: CpuDeviceOptions = {}) {
    this.#options = options;
    this.#isShared = options.hooks?.isShared ?? canShareMemory();
    this.#threads = this.#isShared ? threadCount(options.threads) : 1;
    const threads = `${this.#threads} thread${this.#threads === 1 ? '' : 's'}`;
    this.info = {
      vendor: 'cpu',
      architecture: 'wasm-simd',
      device: threads,
      description: 'CPU (WebAssembly)',
      isFallbackAdapter: true,
      ...NO_SUBGROUPS,
    } as GPUAdapterInfo;
  }

  /** @throws TypeError or OperationError, as a rejection, where it cannot grant what is asked for, or has before. */
  async requestDevice(descriptor: GPUDeviceDescriptor = {}): Promise<GPUDevice> {
    const wanted = [...(descriptor.requiredFeatures ?? [])];
    const missing = wanted.find((name) => !this.features.has(name));
    if (missing) throw new TypeError(`requestDevice: this adapter has no feature ${missing}.`);
    const required = readLimits(descriptor.requiredLimits ?? {});
    let limits: ReturnType<typeof grantLimits>;
    try {
      limits = grantLimits(required);
    } catch (error) {
      throw domException('OperationError', `requestDevice: ${(error as Error).message}`);
    }
    const { checked = false, show } = this.#options;
    if (this.#isUsed)
      throw domException(
        'OperationError',
        'requestDevice: this adapter has given a device before.',
      );
    this.#isUsed = true;
    const executor = await this.#startExecutor();
    const isShared = this.#isShared;
    const moduleOptions = { isShared, isChecked: checked, maxPages: executor.maxPages };
    const services = { executor, limits, features: new Set<string>(wanted), moduleOptions, show };
    const { label = '', defaultQueue } = descriptor;
    return new CpuDevice(services, this.info, label, defaultQueue?.label ?? '');
  }

  #startExecutor(): Promise<Executor> {
    const { worker, hooks } = this.#options;
    const start: WorkerStarter = hooks?.startWorker ?? ((events) => startWorker(events, worker));
    return this.#isShared
      ? SharedExecutor.start(this.#threads, start, hooks)
      : PrivateExecutor.start(start, hooks);
  }
}

/** @throws TypeError where a limit is not a number that can be one. */
function readLimits(limits: Record<string, GPUSize64 | undefined>): Record<string, number> {
  const stated = Object.entries(limits).filter(([, value]) => value !== undefined);
  return Object.fromEntries(stated.map(([name, value]) => [name, unsigned(value, name)]));
}

function threadCount(wanted: number | undefined): number {
  if (wanted === undefined) return Math.min(MAX_THREADS, Math.max(1, availableThreads()));
  if (!Number.isInteger(wanted) || wanted < 1 || wanted > MAX_THREADS)
    throw new RangeError(`threads is ${wanted}; it can be 1 to ${MAX_THREADS}.`);
  return wanted;
}
