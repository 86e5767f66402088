/**
 * What the objects of a device share, and those who hold the device do not see: its memory, its kernels, its errors, and
 * whether it is lost.
 */

import type { Command, ExecutableKernel, Executor } from '../threads/executor.js';
import type { Failure } from '../threads/messages.js';
import type { CompiledKernel } from '../wasm/compile.js';
import type { ModuleOptions } from '../wasm/emit.js';
import { type CpuError, ErrorScopes, OutOfMemoryError } from './errors.js';
import type { Limits } from './limits.js';

/** Whether a buffer is mapped, and how a mapping that is not there yet is taken back. */
export interface Mappable {
  readonly mapState: GPUBufferMapState;
  /** Rejects a mapping that is not there yet. */
  abortMapping(why: string): void;
  unmap(): void;
}

/** What a device is made of. */
export interface DeviceServices {
  readonly executor: Executor;
  readonly limits: Limits;
  readonly features: ReadonlySet<string>;
  readonly moduleOptions: ModuleOptions;
  /** Is given the text form of every kernel that is compiled. */
  readonly show?: ((text: () => string) => void) | undefined;
}

/** The inside of a device. */
export class DeviceContext {
  readonly limits: Limits;
  readonly features: ReadonlySet<string>;
  readonly moduleOptions: ModuleOptions;
  readonly errors: ErrorScopes;
  readonly lost: Promise<GPUDeviceLostInfo>;
  readonly show: DeviceServices['show'];
  readonly #executor: Executor;
  readonly #kernels: { readonly name: string; readonly kernel: CompiledKernel }[] = [];
  /** Buffers that are mapped or are to be. */
  readonly #mapped = new Set<Mappable>();
  /** Called when all work is done, or the device is lost. */
  readonly #waiting = new Set<() => void>();
  #resolveLost: (info: GPUDeviceLostInfo) => void = () => {};
  #isLost = false;

  /** @param uncaptured is given the errors that no scope takes. */
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

  takeTimes(): { elapsed: number; waited: number } {
    return this.#executor.takeTimes();
  }

  /**
   * The address of `bytes` zeros. Where they turn out, later, not to be there, that is reported as an error of `what`.
   *
   * @param onRefused is called then.
   * @throws NoMemory where there is no room.
   */
  allocate(what: string, bytes: number, onRefused: () => void): number {
    if (this.#isLost) return 0;
    const block = this.#executor.allocate(bytes);
    if (!block) throw this.#noMemory(bytes);
    const { address, staleBytes: stale, granted } = block;
    if (granted) {
      const outcome = granted.then((isGranted) => {
        if (isGranted) return undefined;
        onRefused();
        return this.#noMemory(bytes);
      });
      this.errors.reportWhenSettled(what, outcome);
    }
    const bytesToClear = 4 * Math.ceil(Math.min(bytes, stale) / 4);
    if (bytesToClear > 0) this.submit([{ kind: 'clear', to: address, bytes: bytesToClear }]);
    return address;
  }

  #noMemory(bytes: number): OutOfMemoryError {
    const used = (this.#executor.usedBytes / 2 ** 20).toFixed(0);
    return new OutOfMemoryError(`${bytes} bytes do not fit beside the ${used} MiB in use`);
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

  /** How much work was submitted so far: a moment to read after. */
  get submitted(): number {
    return this.#executor.submitted;
  }

  /**
   * Never settles where the device is lost first.
   *
   * @param after the moment when the last was submitted that uses those bytes.
   */
  read(address: number, bytes: number, after: number): Promise<ArrayBuffer> {
    return this.#executor.read(address, bytes, after);
  }

  /** Resolves when all work is done: of a device that is lost, all is. */
  waitForWork(): Promise<void> {
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
  trackMapping(buffer: Mappable): void {
    if (buffer.mapState === 'unmapped') this.#mapped.delete(buffer);
    else this.#mapped.add(buffer);
  }

  /** @throws NoMemory where there is no room for it. */
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

  destroy(): void {
    if (!this.#isLost) for (const buffer of this.#mapped) buffer.unmap();
    this.lose('destroyed', 'the device was destroyed');
  }

  /** Ends all work. Pending mappings are rejected; whoever waits for the work to be done has nothing to wait for. */
  lose(reason: GPUDeviceLostReason, message: string): void {
    if (this.#isLost) return;
    this.#isLost = true;
    this.#executor.close();
    this.errors.lose();
    for (const buffer of this.#mapped) buffer.abortMapping(`the device was lost: ${message}`);
    for (const done of this.#waiting) done();
    this.#resolveLost({ reason, message } as GPUDeviceLostInfo);
  }

  /** A failure in words: which kernel, and of a bad index where it stands. */
  #describe({ kernel: id, access: accessId, index, count, text }: Failure): string {
    const failed = this.#kernels[id];
    if (!failed) return text;
    const access = failed.kernel.accesses[accessId];
    if (!access) return `kernel ${failed.name} failed: ${text}`;
    const { name, line, column } = access;
    return `kernel ${failed.name}, line ${line}, column ${column}: index ${index} of ${name} is outside 0 to ${count - 1}`;
  }
}
