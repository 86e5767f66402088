/** The device that users see: the members of GPUDevice, and nothing else. */

import { CpuBindGroup, CpuBindGroupLayout, CpuPipelineLayout } from './bindings.js';
import { CpuBuffer } from './buffer.js';
import { CpuCommandEncoder } from './command-encoder.js';
import { DeviceContext, type DeviceServices } from './device-context.js';
import { type CpuError, CpuPipelineError } from './errors.js';
import { requireOneOf } from './numbers.js';
import { CpuComputePipeline, CpuShaderModule } from './pipeline.js';
import { CpuQuerySet } from './query-set.js';
import { CpuQueue } from './queue.js';

const FILTERS: readonly GPUErrorFilter[] = ['validation', 'out-of-memory', 'internal'];

let getContext: (device: CpuDevice) => DeviceContext;

/** A GPUDevice whose work is done by an executor. */
export class CpuDevice extends EventTarget implements GPUDevice {
  declare readonly __brand: 'GPUDevice';
  label: string;
  readonly limits: GPUSupportedLimits;
  readonly features: GPUSupportedFeatures;
  readonly adapterInfo: GPUAdapterInfo;
  readonly queue: GPUQueue;
  readonly lost: Promise<GPUDeviceLostInfo>;
  onuncapturederror: GPUDevice['onuncapturederror'] = null;
  readonly #context: DeviceContext;

  static {
    getContext = (device) => device.#context;
  }

  constructor(
    services: DeviceServices,
    adapterInfo: GPUAdapterInfo,
    label: string,
    queueLabel: string,
  ) {
    super();
    const context = new DeviceContext(services, (error) => this.#dispatchUncaptured(error));
    this.#context = context;
    this.label = label;
    this.limits = context.limits as GPUSupportedLimits;
    this.features = context.features as GPUSupportedFeatures;
    this.adapterInfo = adapterInfo;
    this.lost = context.lost;
    this.queue = new CpuQueue(context, queueLabel);
    this.addEventListener('uncapturederror', (event) =>
      this.onuncapturederror?.call(this, event as GPUUncapturedErrorEvent),
    );
  }

  destroy(): undefined {
    this.#context.destroy();
    return undefined;
  }

  createBuffer(descriptor: GPUBufferDescriptor): GPUBuffer {
    return new CpuBuffer(this.#context, descriptor);
  }

  createBindGroupLayout(descriptor: GPUBindGroupLayoutDescriptor): GPUBindGroupLayout {
    return CpuBindGroupLayout.create(this.#context, descriptor);
  }

  createPipelineLayout(descriptor: GPUPipelineLayoutDescriptor): GPUPipelineLayout {
    return new CpuPipelineLayout(this.#context, descriptor);
  }

  createBindGroup(descriptor: GPUBindGroupDescriptor): GPUBindGroup {
    return new CpuBindGroup(this.#context, descriptor);
  }

  createShaderModule(descriptor: GPUShaderModuleDescriptor): GPUShaderModule {
    return new CpuShaderModule(this.#context, descriptor);
  }

  createComputePipeline(descriptor: GPUComputePipelineDescriptor): GPUComputePipeline {
    return new CpuComputePipeline(this.#context, descriptor);
  }

  /**
   * Compiles the pipeline in the calling thread, before it returns.
   *
   * @throws GPUPipelineError, as a rejection, where the pipeline is invalid or cannot be compiled.
   */
  async createComputePipelineAsync(
    descriptor: GPUComputePipelineDescriptor,
  ): Promise<GPUComputePipeline> {
    const create = () => this.createComputePipeline(descriptor);
    const { result, error } = this.#context.errors.capture(create);
    if (!error) return result;
    const reason = error.kind === 'validation' ? 'validation' : 'internal';
    throw new CpuPipelineError(error.message, reason);
  }

  createCommandEncoder(descriptor?: GPUCommandEncoderDescriptor): GPUCommandEncoder {
    return new CpuCommandEncoder(this.#context, descriptor);
  }

  createQuerySet(descriptor: GPUQuerySetDescriptor): GPUQuerySet {
    return new CpuQuerySet(this.#context, descriptor);
  }

  /** @throws TypeError where the filter is not one of WebGPU's. */
  pushErrorScope(filter: GPUErrorFilter): undefined {
    this.#context.errors.push(requireOneOf(filter, FILTERS, 'filter'));
    return undefined;
  }

  popErrorScope(): Promise<GPUError | null> {
    return this.#context.errors.pop();
  }

  createTexture(): never {
    throw unsupported('createTexture', 'has no textures');
  }

  createSampler(): never {
    throw unsupported('createSampler', 'has no samplers');
  }

  importExternalTexture(): never {
    throw unsupported('importExternalTexture', 'has no textures');
  }

  createRenderPipeline(): never {
    throw unsupported('createRenderPipeline', 'supports compute only');
  }

  createRenderPipelineAsync(): never {
    throw unsupported('createRenderPipelineAsync', 'supports compute only');
  }

  createRenderBundleEncoder(): never {
    throw unsupported('createRenderBundleEncoder', 'supports compute only');
  }

  /**
   * Dispatches an `uncapturederror` event in a microtask. If no listener prevents it, the error is
   * logged to the console.
   */
  #dispatchUncaptured(error: CpuError): void {
    queueMicrotask(() => {
      const event = Object.assign(new Event('uncapturederror', { cancelable: true }), { error });
      if (this.dispatchEvent(event)) console.warn(`Uncaptured WebGPU error: ${error.message}`);
    });
  }
}

function unsupported(call: string, why: string): TypeError {
  return new TypeError(`${call}: a CPU device ${why}.`);
}

/**
 * Returns the times of a device's threads since the last call; `undefined` if it is not a CPU
 * device.
 */
export function takeThreadTimes(
  device: GPUDevice,
): { elapsed: number; waited: number; threads: number } | undefined {
  if (!(device instanceof CpuDevice)) return undefined;
  const context = getContext(device);
  return { ...context.takeTimes(), threads: context.threads };
}
