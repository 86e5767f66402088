/** The engine: one device, its memory, its kernels, and one list of commands submitted at a time. */

import { BindGroupCache } from './bind-groups.js';
import { type Command, describe, encodeCommands, UniformRing } from './commands.js';
import { checkLimits, type DeviceFacts, factsOf, requestDevice } from './device.js';
import { UnsupportedError } from './errors.js';
import { Health } from './health.js';
import { KernelCache, type KernelName, type Kernels, packParams } from './kernels.js';
import {
  type Allocation,
  BufferPool,
  type BufferView,
  type Life,
  type MemoryUse,
  newHolder,
} from './memory.js';
import type { DispatchOptions, EngineCounts, EngineOptions } from './options.js';
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
  readonly #health: Health;
  readonly #debug: number;
  readonly #log: (line: string) => void;
  readonly #report: EngineOptions['report'];
  readonly #pool: BufferPool;
  readonly #staging: StagingRing;
  readonly #kernels: KernelCache;
  readonly #ring: UniformRing | undefined;
  readonly #bindGroups: BindGroupCache;
  readonly #counts = { dispatches: 0, submits: 0 };
  readonly #absent: { read: Allocation; write: Allocation };
  #pending: Command[] = [];
  #recording: Command[] | undefined;
  #profiler: Profiler | undefined;
  #profiled: Promise<void>[] = [];

  /**
   * An engine on a device of its own, or on a borrowed one.
   *
   * @throws UnsupportedError where there is no adapter, or the device lacks what the kernels need.
   */
  static async create(options: EngineOptions = {}): Promise<Engine> {
    const gpu = options.gpu ?? (globalThis.navigator as Navigator | undefined)?.gpu;
    if (options.device) return new Engine(options.device, true, gpu, options);
    if (!gpu) {
      throw new UnsupportedError(
        'There is no WebGPU here: use a browser that has it, import from "neuroformer-webgpu/node" ' +
          'in Node, or hand over a GPUDevice as { device }.',
      );
    }
    const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
    if (!adapter) {
      throw new UnsupportedError(
        'WebGPU found no adapter: check the graphics driver and the browser flags.',
      );
    }
    checkLimits(adapter.limits);
    return new Engine(await requestDevice(adapter), false, gpu, options);
  }

  private constructor(
    device: GPUDevice,
    borrowed: boolean,
    gpu: GPU | undefined,
    options: EngineOptions,
  ) {
    checkLimits(device.limits);
    this.device = device;
    this.#borrowed = borrowed;
    this.#health = new Health(device, options.idle);
    this.#debug = options.debug ?? 0;
    this.#log = options.log ?? ((line) => console.error(line));
    this.#report = options.report;
    const reason =
      options.reason ?? (borrowed ? 'the caller handed it over' : 'the preferred adapter');
    const facts = factsOf(device, gpu?.wgslLanguageFeatures, reason);
    this.facts = { ...facts, immediates: facts.immediates && options.immediates !== false };
    this.tuning = tuningFor(this.facts.vendor, device.limits, options.tuning);
    this.#pool = new BufferPool(device, (error) => this.#health.fail(error));
    this.#staging = new StagingRing(device);
    this.#bindGroups = new BindGroupCache(device);
    this.#kernels = new KernelCache(
      device,
      this.facts.immediates,
      (what, make) => this.#health.watch(`Compiling ${what} failed`, make),
      this.#debug >= 4 ? this.#log : undefined,
    );
    if (this.#kernels.paramsLayout)
      this.#ring = new UniformRing(device, this.#kernels.paramsLayout);
    this.#absent = { read: this.#pool.acquire(256), write: this.#pool.acquire(256) };
    if (this.#debug >= 1) this.#log(`${this.facts.description}: ${this.facts.reason}`);
    if (this.#debug >= 2 && this.facts.timestamps) this.#profiler = new Profiler(device);
  }

  /** Rejects with DeviceLostError when the device is lost; never resolves. */
  get lost(): Promise<never> {
    return this.#health.lost;
  }

  /** Memory of at least `bytes`, undefined contents; lives as long as `life` says. */
  allocate(bytes: number, life: Life = 'scoped'): Allocation {
    this.#health.check();
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
  get absent(): { readonly read: BufferView; readonly write: BufferView } {
    return this.#absent;
  }

  /**
   * Appends one kernel to the command list.
   *
   * @param workgroups how many, folded over two dimensions past 65,535.
   */
  dispatch<K extends KernelName>(
    name: K,
    buffers: Readonly<Record<Kernels[K]['buffers'], BufferView>>,
    params: Readonly<Kernels[K]['params']>,
    workgroups: number,
    options: DispatchOptions<K> = {},
  ): void {
    if (workgroups <= 0) return;
    const kernel = this.#kernels.get(name, options.constants ?? {});
    const x = Math.min(workgroups, WORKGROUPS_PER_DIMENSION);
    const y = Math.ceil(workgroups / x);
    const group = this.#bindGroups.get(kernel, buffers);
    let bytes = 0;
    for (const [binding, view] of Object.entries<BufferView>(buffers)) {
      this.#use(view, `${name}: ${binding}`);
      bytes += view.size;
    }
    this.#append({
      kind: 'dispatch',
      kernel,
      group,
      params: packParams(kernel.info, params as Record<string, number>),
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
    this.#health.check();
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
    await this.settle(this.device.queue.onSubmittedWorkDone().then(() => this.#health.turn()));
    await Promise.all(this.#profiled.splice(0));
    this.#health.check();
  }

  /**
   * Runs `fn` once, keeping its commands instead of submitting them.
   *
   * Replays run on the same buffers: write new inputs into the tensors `fn` read, and read the ones it returned.
   */
  record<T>(fn: () => T): Step<T> {
    this.#health.check();
    if (this.#recording)
      throw new Error('A step is being recorded already: recordings do not nest.');
    this.flush();
    const holder = newHolder();
    const commands: Command[] = [];
    this.#recording = commands;
    try {
      const value = this.#pool.hold(holder, fn);
      const ring =
        this.#kernels.paramsLayout && new UniformRing(this.device, this.#kernels.paramsLayout);
      ring?.fill(commands);
      return new Step(this, value, commands, ring, () => {
        this.#pool.drop(holder);
        ring?.destroy();
      });
    } catch (error) {
      this.#pool.drop(holder);
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
    this.#health.check();
    const made = this.#health.watch('The GPU refused a command', () => {
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
    return this.#health.settle(promise);
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
      bindGroups: this.#bindGroups.created,
      kernels: this.#kernels.compiled,
    };
  }

  /** Gives everything back; a borrowed device lives on. */
  dispose(): void {
    if (this.#health.disposed) return;
    if (this.#debug >= 2 && this.#profiler) this.#log(profileTable(this.#profiler.rows()));
    const report = this.#debug >= 2 ? this.#report?.(this.device) : undefined;
    if (report) this.#log(report);
    this.#health.dispose();
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
    this.#health.check();
    if (this.#recording) {
      this.#recording.push(command);
      return;
    }
    this.#pending.push(command);
    if (this.#pending.length >= PENDING_LIMIT) this.flush();
  }
}
