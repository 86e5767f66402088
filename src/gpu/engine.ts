/**
 * The engine: one device with its memory, its kernels, and the list of commands that are submitted
 * together.
 */

import { BindGroupCache } from './bind-groups.js';
import { type Command, describeCommand, encodeCommands, UniformRing } from './commands.js';
import type { CustomKernel } from './custom-kernel.js';
import { checkLimits, type DeviceFacts, deviceFacts } from './device.js';
import { DeviceFailure } from './device-failure.js';
import { UnsupportedError } from './errors.js';
import { KernelCache, type KernelName, type Kernels, packParams } from './kernels.js';
import {
  type Allocation,
  BufferPool,
  type BufferView,
  type Lifetime,
  type MemoryUse,
  newStepMemory,
} from './memory.js';
import type { DispatchOptions, EngineCounts, EngineSetup } from './options.js';
import { type ProfileRow, Profiler, profileTable } from './profile.js';
import { StagingRing, type StagingSlot } from './staging.js';
import { Step } from './step.js';
import { type Tuning, tuningFor } from './tuning.js';

const MAX_WORKGROUPS_PER_DIMENSION = 65535;
const MAX_PENDING_COMMANDS = 1024;

/**
 * Runs kernels on one device. Commands are collected and submitted together, in the order of the
 * calls: before anything is read, when there are many, or on `flush`.
 */
export class Engine {
  /** The device that the engine runs on. */
  readonly device: GPUDevice;
  /** Facts about the device. */
  readonly facts: DeviceFacts;
  /** The sizes that kernels are specialized with on this device. */
  readonly tuning: Tuning;
  readonly #borrowed: boolean;
  readonly #failure: DeviceFailure;
  readonly #debug: number;
  readonly #log: (line: string) => void;
  readonly #report: EngineSetup['report'];
  readonly #pool: BufferPool;
  readonly #staging: StagingRing;
  readonly #kernels: KernelCache;
  readonly #ring: UniformRing | undefined;
  readonly #bindGroups: BindGroupCache;
  readonly #counts = { dispatches: 0, submits: 0 };
  readonly #placeholders: { read: Allocation; write: Allocation };
  #pending: Command[] = [];
  #recording: Command[] | undefined;
  #profiler: Profiler | undefined;
  #pendingTimings: Promise<void>[] = [];

  /**
   * Called by `createEngine`.
   *
   * @internal
   */
  constructor(device: GPUDevice, options: EngineSetup) {
    checkLimits(device.limits);
    this.device = device;
    this.#borrowed = options.borrowed;
    this.#failure = new DeviceFailure(device, options.idle);
    this.#debug = options.debug ?? 0;
    this.#log = options.log ?? ((line) => console.error(line));
    this.#report = options.report;
    const facts = deviceFacts(device, options.languageFeatures, options.reason);
    this.facts = { ...facts, immediates: facts.immediates && options.immediates !== false };
    this.tuning = tuningFor(this.facts.vendor, device.limits, options.tuning);
    this.#pool = new BufferPool(device, {
      onError: (error) => this.#failure.fail(error),
      onTrim: () => {
        this.flush();
        this.#bindGroups.clear();
      },
    });
    this.#staging = new StagingRing(device);
    this.#bindGroups = new BindGroupCache(device);
    this.#kernels = new KernelCache(
      device,
      this.facts.immediates,
      (label, create) => this.#failure.watch(`Compiling ${label} failed`, create),
      this.#debug >= 4 ? this.#log : undefined,
    );
    if (this.#kernels.paramsLayout)
      this.#ring = new UniformRing(device, this.#kernels.paramsLayout);
    this.#placeholders = { read: this.#pool.acquire(256), write: this.#pool.acquire(256) };
    if (this.#debug >= 1) this.#log(`${this.facts.description}: ${this.facts.reason}`);
    if (this.#debug >= 2 && this.facts.timestamps) this.#profiler = new Profiler(device);
  }

  /** Rejects with DeviceLostError when the device is lost; never resolves. */
  get lost(): Promise<never> {
    return this.#failure.lost;
  }

  /**
   * A buffer of at least `bytes` bytes with undefined contents.
   *
   * @throws UnsupportedError where `bytes` exceeds the device's limits.
   */
  allocate(bytes: number, lifetime: Lifetime = 'scoped'): Allocation {
    this.#failure.check();
    const maxBytes = Math.min(
      this.device.limits.maxStorageBufferBindingSize,
      this.device.limits.maxBufferSize,
    );
    if (bytes > maxBytes) {
      throw new UnsupportedError(
        `A buffer of ${bytes} bytes exceeds what this device can bind (${maxBytes} bytes): use a smaller batch or model` +
          `${this.#borrowed ? ', or raise maxStorageBufferBindingSize and maxBufferSize when requesting the device' : ''}.`,
      );
    }
    return this.#pool.acquire(bytes, lifetime);
  }

  /**
   * Runs `fn` and releases the memory allocated in it, except that of its result.
   *
   * @throws Error where `fn` is async.
   */
  scope<T>(fn: () => T): T {
    return this.#pool.scope(fn);
  }

  /**
   * Runs `fn`, which may allocate lasting memory and record steps, as constructors do. Where it
   * throws, all of that is released.
   *
   * @throws Error where `fn` is async.
   */
  allOrNothing<T>(fn: () => T): T {
    return this.#pool.allOrNothing(fn);
  }

  /**
   * Runs `fn` and postpones the disposals in it until `settle` is called, because the backward pass
   * reads what the tape recorded.
   *
   * @throws Error where `fn` is async.
   */
  defer<T>(fn: () => T): {
    /** What `fn` returned. */
    result: T;
    /** Releases what was disposed in `fn`. */
    settle: () => void;
  } {
    return this.#pool.defer(fn);
  }

  /** A buffer of `bytes` zeros that outlives scopes and recordings, until it is released. */
  allocateLasting(bytes: number): Allocation {
    const allocation = this.allocate(bytes, 'lasting');
    // A command in the recording would clear the buffer on every replay.
    if (this.#recording)
      this.device.queue.writeBuffer(allocation.buffer, 0, new Uint8Array(allocation.size));
    else this.clear(allocation);
    return allocation;
  }

  /**
   * Buffers to bind where a kernel declares a buffer that it does not use with the current
   * parameters.
   */
  get placeholders(): {
    /** For read-only bindings. Contains zeros. */
    readonly read: BufferView;
    /** For writable bindings. */
    readonly write: BufferView;
  } {
    return this.#placeholders;
  }

  /**
   * Appends a dispatch of a kernel: a built-in one by name, or one from `defineKernel`.
   *
   * @param buffers views by binding name.
   * @param params scalar parameters by name.
   * @param workgroups number of workgroups; more than 65,535 are folded over two dimensions. With 0
   *   nothing runs.
   * @throws Error where a buffer or a parameter is missing, or a buffer was released.
   */
  dispatch<K extends KernelName>(
    name: K,
    buffers: Readonly<Record<Kernels[K]['buffers'], BufferView>>,
    params: Readonly<Kernels[K]['params']>,
    workgroups: number,
    options?: DispatchOptions<K>,
  ): void;
  dispatch<Buffer extends string, Param extends string>(
    kernel: CustomKernel<Buffer, Param>,
    buffers: Readonly<Record<Buffer, BufferView>>,
    params: Readonly<Record<Param, number>>,
    workgroups: number,
    options?: { readonly flops?: number },
  ): void;
  dispatch(
    kernelOrName: KernelName | CustomKernel,
    buffers: Readonly<Record<string, BufferView>>,
    params: Readonly<Record<string, number>>,
    workgroups: number,
    options: DispatchOptions<KernelName> = {},
  ): void {
    if (workgroups <= 0) return;
    const kernel =
      typeof kernelOrName === 'string'
        ? this.#kernels.get(kernelOrName, options.constants ?? {})
        : this.#kernels.getCustom(kernelOrName);
    const x = Math.min(workgroups, MAX_WORKGROUPS_PER_DIMENSION);
    const y = Math.ceil(workgroups / x);
    const bindGroup = this.#bindGroups.get(kernel, buffers);
    let bytes = 0;
    for (const [binding, view] of Object.entries<BufferView>(buffers)) {
      this.#checkAndTouch(view, `${kernel.name}: ${binding}`);
      bytes += view.size;
    }
    this.#append({
      kind: 'dispatch',
      kernel,
      bindGroup,
      params: packParams(kernel.info, params),
      x,
      y,
      flops: options.flops ?? 0,
      bytes,
    });
  }

  /** Appends a command that sets a view to zero. */
  clear(view: BufferView): void {
    this.#checkAndTouch(view, 'clear');
    this.#append({ kind: 'clear', view });
  }

  /**
   * Appends a copy of `from.size` bytes.
   *
   * @throws Error where they do not fit into `to`.
   */
  copy(from: BufferView, to: BufferView): void {
    if (from.size > to.size)
      throw new Error(`copy: ${from.size} bytes do not fit into ${to.size}.`);
    this.#checkAndTouch(from, 'copy');
    this.#checkAndTouch(to, 'copy');
    this.#append({ kind: 'copy', from, to });
  }

  /**
   * Writes host data. Commands appended before this call see the old contents, those appended after
   * it the new ones.
   *
   * @throws Error where the data do not fit, or where the step being recorded computes the contents
   *   of `to`.
   */
  upload(to: BufferView, data: ArrayBufferView): void {
    this.#checkAndTouch(to, 'upload');
    if (data.byteLength > to.size) {
      throw new Error(`upload: ${data.byteLength} bytes do not fit into ${to.size}.`);
    }
    if (!this.#pool.isHostWritable(to.buffer)) {
      throw new Error(
        'upload: this memory was allocated inside the step being recorded: create the tensor before recording, ' +
          'or with Tensor.from.',
      );
    }
    // WebGPU has writes of nothing, but not every implementation (Deno 2.9).
    if (data.byteLength === 0) return;
    // The queue runs a write before later submits, so commands that read the old contents must be
    // submitted first.
    if (!this.#recording) this.flush();
    this.#failure.check();
    this.device.queue.writeBuffer(
      to.buffer,
      to.offset,
      data.buffer,
      data.byteOffset,
      data.byteLength,
    );
  }

  /** Submits the pending commands, without waiting for them. */
  flush(): void {
    if (this.#pending.length === 0) return;
    const commands = this.#pending;
    this.#pending = [];
    this.#ring?.writeParams(commands);
    this.submit(commands, this.#ring);
  }

  /**
   * The contents of a view, after all commands appended before this call.
   *
   * @throws Error where a step is being recorded.
   */
  async read(view: BufferView): Promise<ArrayBuffer> {
    this.#checkAndTouch(view, 'read');
    if (this.#recording)
      throw new Error(
        'Nothing can be read while a step is being recorded, because it has not run yet.',
      );
    const commands = this.#pending;
    this.#pending = [];
    this.#ring?.writeParams(commands);
    const slot = this.submit(commands, this.#ring, [view])!;
    const [bytes] = await this.readSlot(slot);
    return bytes!;
  }

  /** Waits until all commands appended so far have run. */
  async finish(): Promise<void> {
    this.flush();
    // A destroyed device reports its work as done before it reports the loss, so the loss needs one
    // more turn.
    await this.settle(
      this.device.queue.onSubmittedWorkDone().then(() => this.#failure.yieldToEventLoop()),
    );
    await Promise.all(this.#pendingTimings.splice(0));
    this.#failure.check();
  }

  /** Whether a step is being recorded. @internal */
  get isRecording(): boolean {
    return this.#recording !== undefined;
  }

  /**
   * Records a step: runs `fn` once and keeps its commands instead of submitting them.
   *
   * Every run of the step uses the same buffers. Write new inputs into the tensors that `fn` read,
   * and read the results from the tensors that it returned.
   *
   * @throws Error where a step is already being recorded, or `fn` is async.
   */
  record<T>(fn: () => T): Step<T> {
    this.#failure.check();
    if (this.#recording)
      throw new Error('A step is already being recorded: recordings cannot be nested.');
    this.flush();
    const memory = newStepMemory();
    const commands: Command[] = [];
    this.#recording = commands;
    try {
      const value = this.#pool.recordInto(memory, fn);
      const ring =
        this.#kernels.paramsLayout && new UniformRing(this.device, this.#kernels.paramsLayout);
      ring?.writeParams(commands);
      if (ring) memory.ring = ring;
      return new Step(this, value, commands, ring, () => this.#pool.releaseStep(memory));
    } catch (error) {
      this.#pool.releaseStep(memory);
      throw error;
    } finally {
      this.#recording = undefined;
    }
  }

  /**
   * Encodes and submits commands, then copies of `reads`. Called by recorded steps; others call
   * `flush`.
   *
   * @returns where the copies are; undefined where `reads` is empty.
   * @internal
   */
  submit(
    commands: readonly Command[],
    ring?: UniformRing,
    reads: readonly BufferView[] = [],
  ): StagingSlot | undefined {
    this.#failure.check();
    const submission = this.#failure.watch('The GPU rejected a command', () => {
      const encoder = this.device.createCommandEncoder();
      encodeCommands(encoder, commands, ring, this.#profiler?.timestampsFor);
      const slot = reads.length > 0 ? this.#staging.copy(encoder, reads) : undefined;
      const collect = this.#profiler?.resolve(encoder);
      this.device.queue.submit([encoder.finish()]);
      return { slot, collect };
    });
    if (submission.collect)
      this.#pendingTimings.push(this.settle(submission.collect()).catch(() => {}));
    this.#counts.submits += 1;
    for (const command of commands) if (command.kind === 'dispatch') this.#counts.dispatches += 1;
    if (this.#debug >= 3) for (const command of commands) this.#log(describeCommand(command));
    return submission.slot;
  }

  /**
   * The copies that `submit` made, one array buffer per view.
   *
   * @internal
   */
  readSlot(slot: StagingSlot): Promise<ArrayBuffer[]> {
    return this.#staging.read(slot, (promise) => this.settle(promise));
  }

  /**
   * Waits for one of the device's promises. Rejects with the device's failure where there is one.
   */
  settle<T>(promise: Promise<T>): Promise<T> {
    return this.#failure.settle(promise);
  }

  /**
   * The time of each kernel that runs during `fn`, from timestamp queries.
   *
   * @throws UnsupportedError where the device has no timestamp queries.
   */
  async profile(fn: () => void | Promise<void>): Promise<ProfileRow[]> {
    if (!this.facts.timestamps) {
      throw new UnsupportedError(
        'This device does not offer timestamp-query, so kernels cannot be timed individually.',
      );
    }
    await this.finish();
    const outerProfiler = this.#profiler;
    this.#profiler = new Profiler(this.device);
    try {
      await fn();
      await this.finish();
      return this.#profiler.rows();
    } finally {
      this.#profiler.destroy();
      this.#profiler = outerProfiler;
    }
  }

  /**
   * Destroys the pooled buffers that are not in use. The engine does so itself where it holds more
   * than 1 GiB and needs another buffer.
   */
  trim(): void {
    this.#pool.trim();
    this.#staging.trim();
  }

  /** Counters of the engine's memory, now. */
  memory(): MemoryUse {
    return this.#pool.usage();
  }

  /** Counters of the engine's work so far. */
  counts(): EngineCounts {
    return {
      ...this.#counts,
      bindGroups: this.#bindGroups.createdCount,
      kernels: this.#kernels.compiled,
    };
  }

  /** Destroys the engine's buffers, and its device unless it is borrowed. */
  dispose(): void {
    if (this.#failure.disposed) return;
    if (this.#debug >= 2 && this.#profiler) this.#log(profileTable(this.#profiler.rows()));
    const report = this.#debug >= 2 ? this.#report?.(this.device) : undefined;
    if (report) this.#log(report);
    this.#failure.dispose();
    this.#pending = [];
    this.#pool.destroy();
    this.#staging.destroy();
    this.#ring?.destroy();
    this.#profiler?.destroy();
    this.#bindGroups.clear();
    if (!this.#borrowed) this.device.destroy();
  }

  /** Like `dispose`, for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  /**
   * Marks a view as used by a command.
   *
   * @param context begins the error message.
   * @throws Error where the view was released.
   */
  #checkAndTouch(view: BufferView, context: string): void {
    if (view.released)
      throw new Error(`${context}: this memory was disposed and may already be reused.`);
    this.#pool.touch(view.buffer);
  }

  #append(command: Command): void {
    this.#failure.check();
    if (this.#recording) {
      this.#recording.push(command);
      return;
    }
    this.#pending.push(command);
    if (this.#pending.length >= MAX_PENDING_COMMANDS) this.flush();
  }
}
