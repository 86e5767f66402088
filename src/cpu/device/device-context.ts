/**
 * The internal state that a device's objects share, and that users of the device do not see:
 * memory, kernels, errors, and whether the device is lost.
 */

import type { Command, ExecutableKernel, Executor } from '../threads/executor.js';
import type { Failure } from '../threads/messages.js';
import type { CompiledKernel } from '../wasm/compile.js';
import type { ModuleOptions } from '../wasm/emit.js';
import { type CpuError, ErrorScopes, OutOfMemoryError } from './errors.js';
import type { Limits } from './limits.js';

/** The mapping state of a buffer, and how to end its mapping. */
export interface Mappable {
  readonly mapState: GPUBufferMapState;
  /** Rejects the pending mapping, if there is one. */
  abortMapping(why: string): void;
  /** Ends the mapping. */
  unmap(): void;
}

/** What a device is built from. */
export interface DeviceServices {
  readonly executor: Executor;
  readonly limits: Limits;
  readonly features: ReadonlySet<string>;
  readonly moduleOptions: ModuleOptions;
  /** Called with the text form of each kernel that is compiled. */
  readonly show?: ((text: () => string) => void) | undefined;
}

/** The internal state of a device. */
export class DeviceContext {
  readonly limits: Limits;
  readonly features: ReadonlySet<string>;
  readonly moduleOptions: ModuleOptions;
  /** The error scopes. */
  readonly errors: ErrorScopes;
  /** Resolves when the device is lost. */
  readonly lost: Promise<GPUDeviceLostInfo>;
  readonly show: DeviceServices['show'];
  readonly #executor: Executor;
  readonly #kernels: { readonly name: string; readonly kernel: CompiledKernel }[] = [];
  /** Buffers that are mapped or whose mapping is pending. */
  readonly #mapped = new Set<Mappable>();
  /** Called when all work is done, or the device is lost. */
  readonly #workDoneCallbacks = new Set<() => void>();
  #resolveLost: (info: GPUDeviceLostInfo) => void = () => {};
  #isLost = false;

  /** @param uncaptured is called with the errors that no scope captures. */
  constructor(services: DeviceServices, uncaptured: (error: CpuError) => void) {
    const { executor, limits, features, moduleOptions, show } = services;
    this.limits = limits;
    this.features = features;
    this.moduleOptions = moduleOptions;
    this.show = show;
    this.errors = new ErrorScopes(uncaptured);
    this.lost = new Promise((resolve) => {
      this.#resolveLost = resolve;
    });
    this.#executor = executor;
    executor.failed.then((failure) => this.lose('unknown', this.#describe(failure)));
  }

  get isLost(): boolean {
    return this.#isLost;
  }

  get threads(): number {
    return this.#executor.threads;
  }

  /** Milliseconds that lists took, and that threads waited in them, since the last call. */
  takeTimes(): { elapsed: number; waited: number } {
    return this.#executor.takeTimes();
  }

  /**
   * Allocates `bytes` bytes of zeros and returns their address. If it turns out later that the host
   * had no room for them, an error of the call `callName` is reported.
   *
   * @param onRefused is called in that case.
   * @throws OutOfMemoryError where there is no room.
   */
  allocate(callName: string, bytes: number, onRefused: () => void): number {
    if (this.#isLost) return 0;
    const block = this.#executor.allocate(bytes);
    if (!block) throw this.#outOfMemory(bytes);
    const { address, staleBytes, granted } = block;
    if (granted) {
      const outcome = granted.then((isGranted) => {
        if (isGranted) return undefined;
        onRefused();
        return this.#outOfMemory(bytes);
      });
      this.errors.reportWhenSettled(callName, outcome);
    }
    const bytesToClear = 4 * Math.ceil(Math.min(bytes, staleBytes) / 4);
    if (bytesToClear > 0) this.submit([{ kind: 'clear', to: address, bytes: bytesToClear }]);
    return address;
  }

  #outOfMemory(bytes: number): OutOfMemoryError {
    const used = (this.#executor.usedBytes / 2 ** 20).toFixed(0);
    return new OutOfMemoryError(`${bytes} bytes do not fit beside the ${used} MiB in use`);
  }

  /** Frees a block once everything submitted before this call has run. */
  release(address: number): void {
    if (!this.#isLost) this.#executor.release(address);
  }

  /** Writes bytes after everything submitted before. */
  write(address: number, bytes: Uint8Array): void {
    if (!this.#isLost) this.#executor.write(address, bytes);
  }

  /** Runs commands after everything submitted before. */
  submit(commands: readonly Command[]): void {
    if (!this.#isLost) this.#executor.submit(commands);
  }

  /**
   * How many lists and writes have been submitted so far. A later `read` can refer to this point.
   */
  get submitted(): number {
    return this.#executor.submitted;
  }

  /**
   * Reads bytes as they are once the work submitted up to some point is done. Never settles if the
   * device is lost first.
   *
   * @param after the value of `submitted` after the last work that uses the bytes.
   */
  read(address: number, bytes: number, after: number): Promise<ArrayBuffer> {
    return this.#executor.read(address, bytes, after);
  }

  /** Resolves when all submitted work is done, or when the device is lost. */
  waitForWork(): Promise<void> {
    if (this.#isLost) return Promise.resolve();
    return new Promise((resolve) => {
      const done = () => {
        this.#workDoneCallbacks.delete(done);
        resolve();
      };
      this.#workDoneCallbacks.add(done);
      // A read waits as mappings do, so mappings that were requested before resolve before.
      this.#executor.read(0, 0).then(done);
    });
  }

  /** Keeps the set of buffers that are mapped or whose mapping is pending. */
  trackMapping(buffer: Mappable): void {
    if (buffer.mapState === 'unmapped') this.#mapped.delete(buffer);
    else this.#mapped.add(buffer);
  }

  /**
   * Adds a kernel to the executor.
   *
   * @param name is used in messages.
   * @throws OutOfMemoryError where there is no room for it.
   */
  addKernel(kernel: CompiledKernel, name: string): ExecutableKernel {
    if (this.#isLost) return { id: -1, address: 0, bytes: 0 };
    let executable: ExecutableKernel;
    try {
      executable = this.#executor.addKernel(kernel.bytes, kernel.scratch);
    } catch (error) {
      throw new OutOfMemoryError((error as Error).message);
    }
    this.#kernels[executable.id] = { name, kernel };
    return executable;
  }

  /** Unmaps all buffers and ends the device. */
  destroy(): void {
    if (!this.#isLost) for (const buffer of this.#mapped) buffer.unmap();
    this.lose('destroyed', 'the device was destroyed');
  }

  /** Loses the device. Pending mappings are rejected, and `onSubmittedWorkDone` resolves. */
  lose(reason: GPUDeviceLostReason, message: string): void {
    if (this.#isLost) return;
    this.#isLost = true;
    this.#executor.close();
    this.errors.lose();
    for (const buffer of this.#mapped) buffer.abortMapping(`the device was lost: ${message}`);
    for (const done of this.#workDoneCallbacks) done();
    this.#resolveLost({ reason, message } as GPUDeviceLostInfo);
  }

  /**
   * Describes a failure: which kernel failed and, for an index out of bounds, where it is in the
   * shader.
   */
  #describe({ kernel: id, access: accessId, index, count, text }: Failure): string {
    const failed = this.#kernels[id];
    if (!failed) return text;
    const access = failed.kernel.accesses[accessId];
    if (!access) return `kernel ${failed.name} failed: ${text}`;
    const { name, line, column } = access;
    return `kernel ${failed.name}, line ${line}, column ${column}: index ${index} of ${name} is outside 0 to ${count - 1}`;
  }
}
