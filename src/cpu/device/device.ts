/** The device: makes everything else, runs nothing itself. */

import type { Command, ExecutableKernel, Executor } from '../threads/executor.js';
import type { Failure } from '../threads/protocol.js';
import type { CompiledKernel } from '../wasm/compile.js';
import type { ModuleOptions } from '../wasm/emit.js';
import { CpuBindGroup, CpuBindGroupLayout, CpuPipelineLayout } from './bindings.js';
import { CpuBuffer } from './buffer.js';
import { CpuCommandEncoder, CpuQuerySet } from './commands.js';
import { type CpuError, CpuPipelineError, ErrorScopes, NoMemory } from './errors.js';
import type { Limits } from './limits.js';
import { CpuComputePipeline, CpuShaderModule } from './pipeline.js';
import { CpuQueue } from './queue.js';

/** What a device is made with. */
export interface DeviceSetup {
  readonly executor: Executor;
  readonly limits: Limits;
  readonly features: ReadonlySet<string>;
  readonly info: GPUAdapterInfo;
  readonly moduleOptions: ModuleOptions;
  readonly label: string;
  /** Is given the text form of every kernel that is compiled. */
  readonly show?: ((text: () => string) => void) | undefined;
}

export class CpuDevice extends EventTarget implements GPUDevice {
  declare readonly __brand: 'GPUDevice';
  label: string;
  readonly limits: GPUSupportedLimits;
  readonly features: GPUSupportedFeatures;
  readonly adapterInfo: GPUAdapterInfo;
  readonly queue: GPUQueue;
  readonly lost: Promise<GPUDeviceLostInfo>;
  onuncapturederror: GPUDevice['onuncapturederror'] = null;
  readonly errors: ErrorScopes;
  readonly moduleOptions: ModuleOptions;
  readonly show: DeviceSetup['show'];
  /** Rejects when the device is lost or destroyed. */
  readonly ended: Promise<never>;
  readonly #executor: Executor;
  readonly #kernels: { readonly name: string; readonly kernel: CompiledKernel }[] = [];
  #lose: (info: GPUDeviceLostInfo) => void = () => {};
  #end: (error: Error) => void = () => {};
  #isLost = false;

  constructor(setup: DeviceSetup) {
    super();
    this.label = setup.label;
    this.limits = setup.limits as GPUSupportedLimits;
    this.features = setup.features as GPUSupportedFeatures;
    this.adapterInfo = setup.info;
    this.moduleOptions = setup.moduleOptions;
    this.show = setup.show;
    this.#executor = setup.executor;
    this.queue = new CpuQueue(this);
    this.errors = new ErrorScopes((error) => this.#uncaptured(error));
    this.lost = new Promise((resolve) => {
      this.#lose = resolve;
    });
    this.ended = new Promise((_, reject) => {
      this.#end = reject;
    });
    this.ended.catch(() => {});
    setup.executor.failed.then((failure) => this.#loseWith('unknown', this.#describe(failure)));
  }

  destroy(): undefined {
    this.#loseWith('destroyed', 'the device was destroyed');
    return undefined;
  }

  createBuffer(descriptor: GPUBufferDescriptor): GPUBuffer {
    return new CpuBuffer(this, descriptor);
  }

  createBindGroupLayout(descriptor: GPUBindGroupLayoutDescriptor): GPUBindGroupLayout {
    return new CpuBindGroupLayout(this, descriptor);
  }

  createPipelineLayout(descriptor: GPUPipelineLayoutDescriptor): GPUPipelineLayout {
    return new CpuPipelineLayout(this, descriptor);
  }

  createBindGroup(descriptor: GPUBindGroupDescriptor): GPUBindGroup {
    return new CpuBindGroup(this, descriptor);
  }

  createShaderModule(descriptor: GPUShaderModuleDescriptor): GPUShaderModule {
    return new CpuShaderModule(this, descriptor);
  }

  createComputePipeline(descriptor: GPUComputePipelineDescriptor): GPUComputePipeline {
    return new CpuComputePipeline(this, descriptor);
  }

  /** @throws GPUPipelineError, as a rejection, where the pipeline is refused. */
  async createComputePipelineAsync(
    descriptor: GPUComputePipelineDescriptor,
  ): Promise<GPUComputePipeline> {
    this.pushErrorScope('validation');
    const pipeline = this.createComputePipeline(descriptor);
    const error = await this.popErrorScope();
    if (error) throw new CpuPipelineError(error.message, 'validation');
    return pipeline;
  }

  createCommandEncoder(descriptor?: GPUCommandEncoderDescriptor): GPUCommandEncoder {
    return new CpuCommandEncoder(this, descriptor);
  }

  createQuerySet(descriptor: GPUQuerySetDescriptor): GPUQuerySet {
    return new CpuQuerySet(this, descriptor);
  }

  pushErrorScope(filter: GPUErrorFilter): undefined {
    this.errors.push(filter);
    return undefined;
  }

  popErrorScope(): Promise<GPUError | null> {
    return this.errors.pop();
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
    throw unsupported('createRenderPipeline', 'computes only; it does not draw');
  }

  createRenderPipelineAsync(): never {
    throw unsupported('createRenderPipelineAsync', 'computes only; it does not draw');
  }

  createRenderBundleEncoder(): never {
    throw unsupported('createRenderBundleEncoder', 'computes only; it does not draw');
  }

  /**
   * Milliseconds that lists took and that their threads, summed, waited for each other, since the last call: not of
   * WebGPU, but what a profile of this device lacks without it.
   */
  takeTimes(): { elapsed: number; waited: number; threads: number } {
    return { ...this.#executor.takeTimes(), threads: this.#executor.threads };
  }

  // For the objects that the device makes

  /** The address of `bytes` zeros. @throws NoMemory where there is no room. */
  allocate(bytes: number): number {
    const block = this.#isLost
      ? { address: 0, isFresh: true }
      : this.#executor.heap.allocate(bytes);
    if (!block) {
      const used = (this.#executor.heap.used / 2 ** 20).toFixed(0);
      throw new NoMemory(`${bytes} bytes do not fit beside the ${used} MiB in use`);
    }
    if (!block.isFresh && bytes > 0)
      this.submit([{ kind: 'clear', to: block.address, bytes: 4 * Math.ceil(bytes / 4) }]);
    return block.address;
  }

  release(address: number): void {
    if (!this.#isLost) this.#executor.release(address);
  }

  write(address: number, bytes: Uint8Array): void {
    if (!this.#isLost) this.#executor.write(address, bytes);
  }

  submit(commands: readonly Command[]): void {
    if (!this.#isLost) this.#executor.submit(commands);
  }

  read(address: number, bytes: number): Promise<ArrayBuffer> {
    return this.#isLost ? this.ended : this.#executor.read(address, bytes);
  }

  /** Of a device that is lost, all work is done. */
  settled(): Promise<void> {
    return this.#isLost
      ? Promise.resolve()
      : Promise.race([this.#executor.settled(), this.#whenEnded()]);
  }

  addKernel(kernel: CompiledKernel, name: string): ExecutableKernel {
    const executable = this.#executor.addKernel(kernel.bytes, kernel.scratch);
    this.#kernels[executable.id] = { name, kernel };
    return executable;
  }

  #whenEnded(): Promise<void> {
    return this.ended.catch(() => {});
  }

  #uncaptured(error: CpuError): void {
    if (this.#isLost) return;
    const event = Object.assign(new Event('uncapturederror', { cancelable: true }), { error });
    this.onuncapturederror?.call(this, event as unknown as GPUUncapturedErrorEvent);
    this.dispatchEvent(event);
  }

  #loseWith(reason: GPUDeviceLostReason, message: string): void {
    if (this.#isLost) return;
    this.#isLost = true;
    this.#executor.close();
    this.#end(new DOMException(`The device was lost: ${message}.`, 'AbortError'));
    this.#lose({ reason, message } as GPUDeviceLostInfo);
  }

  /** A failure in words: which kernel, and of a bad index where it stands. */
  #describe({ kernel: id, access, index, count, text }: Failure): string {
    const known = this.#kernels[id];
    if (!known) return text;
    const place = known.kernel.accesses[access];
    if (!place) return `kernel ${known.name} failed: ${text}`;
    const { name, line, column } = place;
    return `kernel ${known.name}, line ${line}, column ${column}: index ${index} of ${name} is outside 0 to ${count - 1}`;
  }
}

function unsupported(call: string, why: string): TypeError {
  return new TypeError(`${call}: a CPU device ${why}.`);
}
