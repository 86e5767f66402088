/** The entry points: the GPU object, its adapter, and the device. */

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

/** The largest number of threads of a device. */
export const MAX_THREADS = 64;
/** The subgroup sizes that WebGPU prescribes where the feature is missing. */
const NO_SUBGROUPS = { subgroupMinSize: 4, subgroupMaxSize: 128 };

/** Options of a CPU device, beyond WebGPU's own. */
export interface CpuDeviceOptions {
  /**
   * How many threads compute: 1 to 64. Default: as many as can run at the same time; 1 in a page
   * that cannot share memory.
   */
  threads?: number | undefined;
  /**
   * Checks every index into an array. An index out of bounds loses the device, with a message that
   * says where it is in the shader. Kernels run several times slower. Default: false.
   */
  checked?: boolean | undefined;
  /**
   * Called with each kernel that is compiled. The function it is given returns the kernel in
   * WebAssembly's text form.
   */
  show?: ((text: () => string) => void) | undefined;
  /**
   * In a page whose bundler does not find it by itself: creates a worker that runs
   * src/cpu/threads/worker.js.
   */
  worker?: WorkerFactory | undefined;
  /**
   * For tests.
   *
   * @internal
   */
  hooks?: TestHooks | undefined;
}

/**
 * Creates a `GPU` object, like `navigator.gpu`, whose adapter is this computer's processor.
 *
 * @param options apply to the device that the adapter creates. Where `threads` is not 1 to 64,
 *   `requestAdapter` rejects with a RangeError.
 */
export function cpuGpu(options: CpuDeviceOptions = {}): GPU {
  const gpu = {
    wgslLanguageFeatures: new Set(LANGUAGE_FEATURES),
    requestAdapter: async () => new CpuAdapter(options),
    getPreferredCanvasFormat: () => 'bgra8unorm',
  };
  return gpu as unknown as GPU;
}

/**
 * Creates a device that compiles kernels to WebAssembly and runs them on this computer's processor.
 * It has all features of the adapter and its highest limits unless `options` asks for others.
 *
 * @throws Error, as a rejection, where the workers cannot be started, or where WebGPU's
 *   `requestDevice` would reject. A RangeError is thrown where `threads` is not 1 to 64.
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

/** The adapter: what this computer's processor supports. It creates one device. */
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

  /** @throws RangeError where `threads` is not 1 to 64. */
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

  /**
   * Creates the device.
   *
   * @throws TypeError or OperationError, as a rejection, where the adapter cannot grant what is
   *   required, or has created a device before.
   */
  async requestDevice(descriptor: GPUDeviceDescriptor = {}): Promise<GPUDevice> {
    const requested = [...(descriptor.requiredFeatures ?? [])];
    const missing = requested.find((name) => !this.features.has(name));
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
        'requestDevice: this adapter has already created a device.',
      );
    this.#isUsed = true;
    const executor = await this.#startExecutor();
    const isShared = this.#isShared;
    const moduleOptions = { isShared, isChecked: checked, maxPages: executor.maxPages };
    const services = {
      executor,
      limits,
      features: new Set<string>(requested),
      moduleOptions,
      show,
    };
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

/** @throws TypeError where a limit is not a non-negative number. */
function readLimits(limits: Record<string, GPUSize64 | undefined>): Record<string, number> {
  const specified = Object.entries(limits).filter(([, value]) => value !== undefined);
  return Object.fromEntries(specified.map(([name, value]) => [name, unsigned(value, name)]));
}

function threadCount(requested: number | undefined): number {
  if (requested === undefined) return Math.min(MAX_THREADS, Math.max(1, availableThreads()));
  if (!Number.isInteger(requested) || requested < 1 || requested > MAX_THREADS)
    throw new RangeError(`threads is ${requested}; it can be 1 to ${MAX_THREADS}.`);
  return requested;
}
