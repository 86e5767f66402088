/** The engine: one device, its memory, its kernels, and one list of commands submitted at a time. */

import { BindGroupCache } from './bind-groups.js';
import { type Command, describe, encodeCommands, UniformRing } from './commands.js';
import { checkLimits, type DeviceFacts, deviceFacts } from './device.js';
import { DeviceFailure } from './device-failure.js';
import { UnsupportedError } from './errors.js';
import { KernelCache, type KernelName, type Kernels, packParams } from './kernels.js';
import {
  type Allocation,
  BufferPool,
  type BufferView,
  type Life,
  type MemoryUse,
  newStepMemory,
} from './memory.js';
import type { DispatchOptions, EngineCounts, EngineSetup } from './options.js';
import type { OwnKernel } from './own-kernel.js';
import { type ProfileRow, Profiler, profileTable } from './profile.js';
import { type Slot, StagingRing } from './staging.js';
import { Step } from './step.js';
import { type Tuning, tuningFor } from './tuning.js';

const WORKGROUPS_PER_DIMENSION = 65535;
const PENDING_LIMIT = 1024;

export class Engine {
  readonly device: GPUDevice;
  readonly facts: DeviceFacts;
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
  #profiled: Promise<void>[] = [];

  /**
   * Made by `createEngine`.
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
    this.#pool = new BufferPool(device, (error) => this.#failure.fail(error));
    this.#staging = new StagingRing(device);
    this.#bindGroups = new BindGroupCache(device);
    this.#kernels = new KernelCache(
      device,
      this.facts.immediates,
      (what, make) => this.#failure.watch(`Compiling ${what} failed`, make),
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

  /** Memory of at least `bytes`, undefined contents; lives as long as `life` says. */
  allocate(bytes: number, life: Life = 'scoped'): Allocation {
    this.#failure.check();
    const most = Math.min(
      this.device.limits.maxStorageBufferBindingSize,
      this.device.limits.maxBufferSize,
    );
    if (bytes > most) {
      throw new UnsupportedError(
        `${bytes} bytes in one buffer are more than this device binds (${most}): use a smaller batch or model` +
          `${this.#borrowed ? ', or raise maxStorageBufferBindingSize and maxBufferSize when requesting it' : ''}.`,
      );
    }
    return this.#pool.acquire(bytes, life);
  }

  /** Runs `fn` and gives back what it allocated, except what its result owns. */
  scope<T>(fn: () => T): T {
    return this.#pool.scope(fn);
  }

  /** Runs `fn` with disposals put off until `settle` is called: what a tape records must outlive it. */
  defer<T>(fn: () => T): { result: T; settle: () => void } {
    return this.#pool.defer(fn);
  }

  /** Memory of `bytes` zeros that outlives scopes and recordings, until it is released. */
  allocateLasting(bytes: number): Allocation {
    const allocation = this.allocate(bytes, 'lasting');
    // A recording's commands run on every replay; the zeros are written once.
    if (this.#recording)
      this.device.queue.writeBuffer(allocation.buffer, 0, new Uint8Array(allocation.size));
    else this.clear(allocation);
    return allocation;
  }

  /** What to bind where a kernel's buffer is unused: reads see zeros, writes are never made. */
  get placeholders(): { readonly read: BufferView; readonly write: BufferView } {
    return this.#placeholders;
  }

  /**
   * Appends one kernel to the command list: one of the library's, by name, or one made by `defineKernel`.
   *
   * @param workgroups how many, folded over two dimensions past 65,535.
   */
  dispatch<K extends KernelName>(
    name: K,
    buffers: Readonly<Record<Kernels[K]['buffers'], BufferView>>,
    params: Readonly<Kernels[K]['params']>,
    workgroups: number,
    options?: DispatchOptions<K>,
  ): void;
  dispatch<Buffer extends string, Param extends string>(
    kernel: OwnKernel<Buffer, Param>,
    buffers: Readonly<Record<Buffer, BufferView>>,
    params: Readonly<Record<Param, number>>,
    workgroups: number,
    options?: { readonly flops?: number },
  ): void;
  dispatch(
    which: KernelName | OwnKernel,
    buffers: Readonly<Record<string, BufferView>>,
    params: Readonly<Record<string, number>>,
    workgroups: number,
    options: DispatchOptions<KernelName> = {},
  ): void {
    if (workgroups <= 0) return;
    const kernel =
      typeof which === 'string'
        ? this.#kernels.get(which, options.constants ?? {})
        : this.#kernels.getOwn(which);
    const x = Math.min(workgroups, WORKGROUPS_PER_DIMENSION);
    const y = Math.ceil(workgroups / x);
    const group = this.#bindGroups.get(kernel, buffers);
    let bytes = 0;
    for (const [binding, view] of Object.entries<BufferView>(buffers)) {
      this.#use(view, `${kernel.name}: ${binding}`);
      bytes += view.size;
    }
    this.#append({
      kind: 'dispatch',
      kernel,
      group,
      params: packParams(kernel.info, params),
      x,
      y,
      flops: options.flops ?? 0,
      bytes,
    });
  }

  /** Appends a clear of a buffer's range to zero. */
  clear(view: BufferView): void {
    this.#use(view, 'clear');
    this.#append({ kind: 'clear', view });
  }

  /** Appends a copy of `from.size` bytes. */
  copy(from: BufferView, to: BufferView): void {
    if (from.size > to.size)
      throw new Error(`copy: ${from.size} bytes do not fit into ${to.size}.`);
    this.#use(from, 'copy');
    this.#use(to, 'copy');
    this.#append({ kind: 'copy', from, to });
  }

  /** Writes host data now, before anything appended after this call. */
  upload(to: BufferView, data: ArrayBufferView): void {
    this.#use(to, 'upload');
    if (data.byteLength > to.size) {
      throw new Error(`upload: ${data.byteLength} bytes do not fit into ${to.size}.`);
    }
    if (!this.#pool.isHostWritable(to.buffer)) {
      throw new Error(
        'upload: a step is being recorded, and this memory was made inside it: make the tensor before recording, ' +
          'or with Tensor.from.',
      );
    }
    // The queue runs writes at once, so commands that still read the old contents must go first.
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

  /** Submits what is pending. */
  flush(): void {
    if (this.#pending.length === 0) return;
    const commands = this.#pending;
    this.#pending = [];
    this.#ring?.fill(commands);
    this.submit(commands, this.#ring);
  }

  /** The contents of a view, after everything appended before this call. */
  async read(view: BufferView): Promise<ArrayBuffer> {
    this.#use(view, 'read');
    if (this.#recording)
      throw new Error('Nothing can be read while a step is recorded: it has not run yet.');
    const commands = this.#pending;
    this.#pending = [];
    this.#ring?.fill(commands);
    const slot = this.submit(commands, this.#ring, [view])!;
    const [bytes] = await this.readSlot(slot);
    return bytes!;
  }

  /** Waits until everything appended so far has run. */
  async finish(): Promise<void> {
    this.flush();
    // Of a device that is destroyed all work is done, before it is said to be lost.
    await this.settle(this.device.queue.onSubmittedWorkDone().then(() => this.#failure.turn()));
    await Promise.all(this.#profiled.splice(0));
    this.#failure.check();
  }

  /**
   * Runs `fn` once, keeping its commands instead of submitting them.
   *
   * Replays run on the same buffers: write new inputs into the tensors `fn` read, and read the ones it returned.
   */
  record<T>(fn: () => T): Step<T> {
    this.#failure.check();
    if (this.#recording)
      throw new Error('A step is being recorded already: recordings do not nest.');
    this.flush();
    const memory = newStepMemory();
    const commands: Command[] = [];
    this.#recording = commands;
    try {
      const value = this.#pool.holdFor(memory, fn);
      const ring =
        this.#kernels.paramsLayout && new UniformRing(this.device, this.#kernels.paramsLayout);
      ring?.fill(commands);
      return new Step(this, value, commands, ring, () => {
        this.#pool.dropStep(memory);
        ring?.destroy();
      });
    } catch (error) {
      this.#pool.dropStep(memory);
      throw error;
    } finally {
      this.#recording = undefined;
    }
  }

  /** Encodes and submits a command list, with copies of `reads` at its end. Used by steps; see `flush`. */
  submit(
    commands: readonly Command[],
    ring?: UniformRing,
    reads: readonly BufferView[] = [],
  ): Slot | undefined {
    this.#failure.check();
    const made = this.#failure.watch('The GPU refused a command', () => {
      const encoder = this.device.createCommandEncoder();
      encodeCommands(encoder, commands, ring, this.#profiler?.timestampsFor);
      const slot = reads.length > 0 ? this.#staging.copy(encoder, reads) : undefined;
      const collect = this.#profiler?.resolve(encoder);
      this.device.queue.submit([encoder.finish()]);
      return { slot, collect };
    });
    if (made.collect) this.#profiled.push(this.settle(made.collect()).catch(() => {}));
    this.#counts.submits += 1;
    for (const command of commands) if (command.kind === 'dispatch') this.#counts.dispatches += 1;
    if (this.#debug >= 3) for (const command of commands) this.#log(describe(command));
    return made.slot;
  }

  /** The bytes a submit copied. */
  readSlot(slot: Slot): Promise<ArrayBuffer[]> {
    return this.#staging.read(slot, (promise) => this.settle(promise));
  }

  /** Waits for a promise of the device's, and fails with the device. */
  settle<T>(promise: Promise<T>): Promise<T> {
    return this.#failure.settle(promise);
  }

  /** Time per kernel while `fn` runs, from timestamp queries. */
  async profile(fn: () => void | Promise<void>): Promise<ProfileRow[]> {
    if (!this.facts.timestamps) {
      throw new UnsupportedError(
        'This device offers no timestamp-query, so kernels cannot be timed one by one.',
      );
    }
    await this.finish();
    const before = this.#profiler;
    this.#profiler = new Profiler(this.device);
    try {
      await fn();
      await this.finish();
      return this.#profiler.rows();
    } finally {
      this.#profiler.destroy();
      this.#profiler = before;
    }
  }

  /** Destroys pooled buffers that nobody uses. */
  trim(): void {
    this.#pool.trim();
  }

  memory(): MemoryUse {
    return this.#pool.use();
  }

  counts(): EngineCounts {
    return {
      ...this.#counts,
      bindGroups: this.#bindGroups.createdCount,
      kernels: this.#kernels.compiled,
    };
  }

  /** Gives everything back; a borrowed device lives on. */
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

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** @throws Error where memory was given back already. */
  #use(view: BufferView, what: string): void {
    if (view.released)
      throw new Error(`${what}: this memory was disposed and may be another's by now.`);
    this.#pool.touch(view.buffer);
  }

  #append(command: Command): void {
    this.#failure.check();
    if (this.#recording) {
      this.#recording.push(command);
      return;
    }
    this.#pending.push(command);
    if (this.#pending.length >= PENDING_LIMIT) this.flush();
  }
}
