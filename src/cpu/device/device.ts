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
import { oneOf } from './numbers.js';
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
  readonly queueLabel: string;
  /** Is given the text form of every kernel that is compiled. */
  readonly show?: ((text: () => string) => void) | undefined;
}

const FILTERS: readonly GPUErrorFilter[] = ['validation', 'out-of-memory', 'internal'];

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
  readonly errors: ErrorScopes;
  readonly moduleOptions: ModuleOptions;
  readonly show: DeviceSetup['show'];
  readonly #executor: Executor;
  readonly #kernels: { readonly name: string; readonly kernel: CompiledKernel }[] = [];
  /** Buffers that are mapped or are to be. */
  readonly #mapped = new Set<CpuBuffer>();
  /** Called when all work is done, or the device is lost. */
  readonly #waiting = new Set<() => void>();
  #lose: (info: GPUDeviceLostInfo) => void = () => {};
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
    this.queue = new CpuQueue(this, setup.queueLabel);
    this.errors = new ErrorScopes((error) => this.#uncaptured(error));
    this.lost = new Promise((resolve) => {
      this.#lose = resolve;
    });
    this.addEventListener('uncapturederror', (event) =>
      this.onuncapturederror?.call(this, event as GPUUncapturedErrorEvent),
    );
    setup.executor.failed.then((failure) => this.#loseWith('unknown', this.#describe(failure)));
  }

  get isLost(): boolean {
    return this.#isLost;
  }

  destroy(): undefined {
    if (!this.#isLost) for (const buffer of this.#mapped) buffer.unmap();
    this.#loseWith('destroyed', 'the device was destroyed');
    return undefined;
  }

  createBuffer(descriptor: GPUBufferDescriptor): GPUBuffer {
    return new CpuBuffer(this, descriptor);
  }

  createBindGroupLayout(descriptor: GPUBindGroupLayoutDescriptor): GPUBindGroupLayout {
    return CpuBindGroupLayout.create(this, descriptor);
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

  /** @throws GPUPipelineError, as a rejection, where the pipeline is refused or cannot be made. */
  async createComputePipelineAsync(
    descriptor: GPUComputePipelineDescriptor,
  ): Promise<GPUComputePipeline> {
    const { made, error } = this.errors.capture(() => this.createComputePipeline(descriptor));
    if (!error) return made;
    const reason = error.kind === 'validation' ? 'validation' : 'internal';
    throw new CpuPipelineError(error.message, reason);
  }

  createCommandEncoder(descriptor?: GPUCommandEncoderDescriptor): GPUCommandEncoder {
    return new CpuCommandEncoder(this, descriptor);
  }

  createQuerySet(descriptor: GPUQuerySetDescriptor): GPUQuerySet {
    return new CpuQuerySet(this, descriptor);
  }

  /** @throws TypeError where the filter is not one of WebGPU's. */
  pushErrorScope(filter: GPUErrorFilter): undefined {
    this.errors.push(oneOf(filter, FILTERS, 'filter'));
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
    if (this.#isLost) return 0;
    const { heap } = this.#executor;
    const block = heap.allocate(bytes);
    if (!block) {
      const used = (heap.used / 2 ** 20).toFixed(0);
      throw new NoMemory(`${bytes} bytes do not fit beside the ${used} MiB in use`);
    }
    const stale = 4 * Math.ceil(Math.min(bytes, block.stale) / 4);
    if (stale > 0) this.submit([{ kind: 'clear', to: block.address, bytes: stale }]);
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

  /** Never settles where the device is lost first. */
  read(address: number, bytes: number): Promise<ArrayBuffer> {
    return this.#executor.read(address, bytes);
  }

  /** Of a device that is lost, all work is done. */
  settled(): Promise<void> {
    if (this.#isLost) return Promise.resolve();
    return new Promise((resolve) => {
      const done = () => {
        this.#waiting.delete(done);
        resolve();
      };
      this.#waiting.add(done);
      // As mappings wait, so that those asked for before are there before.
      this.#executor.read(0, 0).then(done);
    });
  }

  /** Keeps in mind which buffers are mapped, or are to be. */
  noteMapping(buffer: CpuBuffer): void {
    if (buffer.mapState === 'unmapped') this.#mapped.delete(buffer);
    else this.#mapped.add(buffer);
  }

  /** @throws NoMemory where there is no room for it. */
  addKernel(kernel: CompiledKernel, name: string): ExecutableKernel {
    let executable: ExecutableKernel;
    try {
      executable = this.#executor.addKernel(kernel.bytes, kernel.scratch);
    } catch (error) {
      throw new NoMemory((error as Error).message);
    }
    this.#kernels[executable.id] = { name, kernel };
    return executable;
  }

  /** Tells listeners of an error in a task of its own, or whoever reads the console where none prevents it. */
  #uncaptured(error: CpuError): void {
    queueMicrotask(() => {
      const event = Object.assign(new Event('uncapturederror', { cancelable: true }), { error });
      if (this.dispatchEvent(event)) console.warn(`Uncaptured WebGPU error: ${error.message}`);
    });
  }

  #loseWith(reason: GPUDeviceLostReason, message: string): void {
    if (this.#isLost) return;
    this.#isLost = true;
    this.#executor.close();
    this.errors.lose();
    for (const buffer of this.#mapped) buffer.abortMapping(`the device was lost: ${message}`);
    for (const done of this.#waiting) done();
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
