/**
 * GPU memory: buffers pooled by size class, scopes that release what they allocated, and counters.
 */

import { GpuError } from './errors.js';

/** A range of a GPU buffer, as kernels bind it. */
export interface BufferView {
  /** The buffer; other views may use other ranges of it. */
  readonly buffer: GPUBuffer;
  /** Bytes from the buffer's start; a multiple of 256. */
  readonly offset: number;
  /** Bytes; a multiple of 4. */
  readonly size: number;
  /** Whether the memory was released. A released view must not be used. */
  readonly released?: boolean;
}

/**
 * Anything that owns pooled memory. A scope keeps the memory of owners that its function returns.
 */
export interface Owner {
  /**
   * The memory; undefined where the pool does not own it separately, as for one parameter of a
   * store.
   */
  readonly allocation: Allocation | undefined;
}

/** Counters of an engine's memory. */
export interface MemoryUse {
  /** Buffers that exist, in use or free in the pool. */
  readonly buffers: number;
  /** Their bytes. */
  readonly bytes: number;
  /** Buffers in use. */
  readonly liveBuffers: number;
  /** Their bytes. */
  readonly liveBytes: number;
  /** The maximum of `bytes` so far. */
  readonly peakBytes: number;
  /** Buffers created since the engine was created. */
  readonly created: number;
}

/**
 * How long memory lives.
 *
 * - 'scoped': until the innermost scope ends or the recorded step is disposed.
 * - 'constant': like 'scoped', but written only by the host, once, while a step is recorded.
 * - 'lasting': until it is released, regardless of scopes and recordings.
 */
export type Lifetime = 'scoped' | 'constant' | 'lasting';

/** A buffer from the pool, in use until it is released. */
export class Allocation implements BufferView {
  /** 0: an allocation starts where its buffer starts. */
  readonly offset = 0;
  /** Whether it was released. */
  released = false;
  /**
   * The recorded step that it belongs to. Its buffer returns to the pool when the step is disposed.
   *
   * @internal
   */
  owner: StepMemory | undefined;

  /** @internal */
  constructor(
    /** The GPU buffer, which other allocations reuse after this one is released. */
    readonly buffer: GPUBuffer,
    /** Bytes requested, rounded up to a multiple of 4. */
    readonly size: number,
    /** Bytes of the buffer. */
    readonly capacity: number,
    /**
     * The pool that the buffer returns to.
     *
     * @internal
     */
    readonly pool: BufferPool,
  ) {}

  /** Returns the buffer to the pool, at once. */
  release(): void {
    this.pool.release(this);
  }

  /**
   * Returns the buffer to the pool; inside a differentiated function, only after the gradients are
   * computed.
   */
  dispose(): void {
    this.pool.dispose(this);
  }

  /** Like `dispose`, for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  /** Removes it from every scope, so that it lives until it is released. */
  detach(): void {
    this.pool.detach(this);
  }
}

/** A buffer and its size class. */
type SizedBuffer = readonly [buffer: GPUBuffer, capacity: number];

/**
 * The memory of a recorded step. Buffers that the step's commands touch are reused by nothing else
 * while it lives.
 */
export interface StepMemory {
  /** Buffers released during the recording, free for the rest of it, by capacity. */
  readonly free: Map<number, GPUBuffer[]>;
  /** Every buffer allocated during the recording, with its capacity. */
  readonly owned: Map<GPUBuffer, number>;
  /** Allocations made during the recording and not released. */
  readonly live: Set<Allocation>;
  /**
   * Every buffer that the commands read or write, whether owned or allocated before the recording.
   */
  readonly touched: Set<GPUBuffer>;
  /**
   * Touched buffers that are not owned and were released since. They return to the pool when the
   * step is disposed.
   */
  readonly parked: SizedBuffer[];
  /** Buffers that the host wrote once during the recording. They are not reused within it. */
  readonly constants: Set<GPUBuffer>;
  /** The parameters of its dispatches, where they are in a buffer of their own. */
  ring?: { destroy(): void };
}

/** The memory of a step whose recording is about to start. */
export function newStepMemory(): StepMemory {
  return {
    free: new Map(),
    owned: new Map(),
    live: new Set(),
    touched: new Set(),
    parked: [],
    constants: new Set(),
  };
}

// STORAGE | UNIFORM | COPY_SRC | COPY_DST of GPUBufferUsage, as numbers: outside browsers the
// global may be missing.
const USAGE = 0x80 | 0x40 | 0x04 | 0x08;
const MIN_BUFFER_BYTES = 256;
/** Where buffers would exceed this, free ones are destroyed before another is created. */
const KEPT_BYTES = 2 ** 30;

/**
 * The smallest size class of at least `bytes`: powers of two and quarters between them, so above
 * 256 bytes at most 25 % is added.
 */
export function sizeClass(bytes: number): number {
  if (bytes <= MIN_BUFFER_BYTES) return MIN_BUFFER_BYTES;
  const power = 2 ** Math.floor(Math.log2(bytes));
  const quarter = power / 4;
  return power + Math.ceil((bytes - power) / quarter) * quarter;
}

/** What a pool tells its engine. */
export interface PoolEvents {
  /** The GPU has run out of memory. */
  onError(error: GpuError): void;
  /** Free buffers are about to be destroyed, which commands that wait may still use. */
  onTrim(): void;
}

/** Storage buffers by size class, which are reused after they are released. */
export class BufferPool {
  readonly #device: GPUDevice;
  readonly #events: PoolEvents;
  readonly #all = new Set<GPUBuffer>();
  readonly #free = new Map<number, GPUBuffer[]>();
  readonly #scopes: Set<Allocation>[] = [];
  /** Recorded steps that were not disposed. */
  readonly #steps = new Set<StepMemory>();
  /** The step being recorded. */
  #step: StepMemory | undefined;
  /** What was made in each `allOrNothing` that runs. */
  readonly #attempts: { allocations: Set<Allocation>; steps: Set<StepMemory> }[] = [];
  /** Allocations disposed inside `defer`, which gradients may still need. */
  #deferred: Set<Allocation> | undefined;
  #buffers = 0;
  #bytes = 0;
  #liveBuffers = 0;
  #liveBytes = 0;
  #peakBytes = 0;
  #created = 0;
  #destroyed = false;

  constructor(device: GPUDevice, events: PoolEvents) {
    this.#device = device;
    this.#events = events;
  }

  /**
   * A buffer with undefined contents. `bytes` is rounded up to a multiple of 4, and to at least 16.
   */
  acquire(bytes: number, lifetime: Lifetime = 'scoped'): Allocation {
    const size = Math.max(16, Math.ceil(bytes / 4) * 4);
    const capacity = Math.min(sizeClass(size), this.#device.limits.maxBufferSize);
    const memory = lifetime === 'lasting' ? undefined : this.#step;
    const buffer =
      (lifetime === 'constant' ? undefined : memory?.free.get(capacity)?.pop()) ??
      this.#free.get(capacity)?.pop() ??
      this.#create(capacity);
    const allocation = new Allocation(buffer, size, capacity, this);
    if (memory) {
      allocation.owner = memory;
      memory.owned.set(buffer, capacity);
      memory.live.add(allocation);
      if (lifetime === 'constant') memory.constants.add(buffer);
    }
    this.#liveBuffers += 1;
    this.#liveBytes += capacity;
    if (lifetime !== 'lasting') this.#scopes.at(-1)?.add(allocation);
    this.#attempts.at(-1)?.allocations.add(allocation);
    return allocation;
  }

  /**
   * Ends an allocation. Its buffer is free for reuse at once, within its recording if it belongs to
   * one. Where that recording has ended, the buffer is free once the step is disposed.
   */
  release(allocation: Allocation): void {
    if (allocation.released || this.#destroyed) return;
    const { buffer, capacity, owner } = allocation;
    this.#markReleased(allocation);
    this.detach(allocation);
    if (!owner) this.#recycle(buffer, capacity);
    else if (owner === this.#step && !owner.constants.has(buffer)) {
      pushFree(owner.free, capacity, buffer);
    }
  }

  /** Releases an allocation, or inside `defer` leaves that to `settle`. */
  dispose(allocation: Allocation): void {
    if (this.#deferred) this.#deferred.add(allocation);
    else this.release(allocation);
  }

  /**
   * Runs `fn` and postpones the disposals in it until `settle` is called. Scopes inside `fn`
   * release nothing; their allocations belong to the scope around `fn`.
   */
  defer<T>(fn: () => T): { result: T; settle: () => void } {
    const deferred = new Set<Allocation>();
    this.#deferred = deferred;
    try {
      const result = assertSynchronous(fn());
      return {
        result,
        settle: () => {
          for (const allocation of deferred) this.release(allocation);
        },
      };
    } finally {
      this.#deferred = undefined;
    }
  }

  /** Marks a buffer as used by a command of the step being recorded. */
  touch(buffer: GPUBuffer): void {
    this.#step?.touched.add(buffer);
  }

  /**
   * Whether the host may write a buffer now: not one whose contents the step being recorded
   * computes.
   */
  isHostWritable(buffer: GPUBuffer): boolean {
    return !this.#step?.owned.has(buffer) || this.#step.constants.has(buffer);
  }

  /** Runs `fn` and releases what it allocated, except the memory of its result. */
  scope<T>(fn: () => T): T {
    // Inside `defer` the backward pass needs what an inner scope would release, so the scope around
    // `defer` releases it instead.
    if (this.#deferred) return assertSynchronous(fn());
    const scope = new Set<Allocation>();
    this.#scopes.push(scope);
    let result: T | undefined;
    try {
      result = assertSynchronous(fn());
      return result;
    } finally {
      this.#scopes.pop();
      for (const returned of allocationsIn(result)) {
        if (scope.delete(returned)) this.#scopes.at(-1)?.add(returned);
      }
      for (const allocation of scope) this.release(allocation);
    }
  }

  /**
   * Runs `fn`. Where it throws, all memory is released that was allocated in it, lasting memory and
   * that of recorded steps too.
   */
  allOrNothing<T>(fn: () => T): T {
    const attempt = { allocations: new Set<Allocation>(), steps: new Set<StepMemory>() };
    this.#attempts.push(attempt);
    try {
      const result = assertSynchronous(fn());
      const outer = this.#attempts.at(-2);
      for (const allocation of attempt.allocations) outer?.allocations.add(allocation);
      for (const memory of attempt.steps) outer?.steps.add(memory);
      return result;
    } catch (error) {
      for (const memory of attempt.steps) this.releaseStep(memory);
      for (const allocation of attempt.allocations) this.release(allocation);
      throw error;
    } finally {
      this.#attempts.pop();
    }
  }

  /** Removes an allocation from every open scope. */
  detach(allocation: Allocation): void {
    for (const scope of this.#scopes) scope.delete(allocation);
  }

  /**
   * Records a step: runs `fn`, whose buffers all belong to `memory`. Scopes around the call are
   * suspended.
   *
   * @throws Error where a step is already being recorded.
   */
  recordInto<T>(memory: StepMemory, fn: () => T): T {
    if (this.#step)
      throw new Error('A step is already being recorded: recordings cannot be nested.');
    this.#step = memory;
    this.#steps.add(memory);
    this.#attempts.at(-1)?.steps.add(memory);
    const scopes = this.#scopes.splice(0);
    try {
      return assertSynchronous(fn());
    } finally {
      this.#step = undefined;
      this.#scopes.push(...scopes);
    }
  }

  /** Returns a step's buffers to the pool. */
  releaseStep(memory: StepMemory): void {
    if (this.#destroyed) return;
    this.#steps.delete(memory);
    for (const allocation of memory.live) this.#markReleased(allocation);
    for (const [buffer, capacity] of [...memory.owned, ...memory.parked]) {
      this.#recycle(buffer, capacity);
    }
    memory.owned.clear();
    memory.parked.length = 0;
    memory.ring?.destroy();
  }

  /** Destroys the free buffers. */
  trim(): void {
    if ([...this.#free.values()].every((buffers) => buffers.length === 0)) return;
    this.#events.onTrim();
    for (const [capacity, buffers] of this.#free) {
      for (const buffer of buffers) {
        buffer.destroy();
        this.#all.delete(buffer);
        this.#buffers -= 1;
        this.#bytes -= capacity;
      }
    }
    this.#free.clear();
  }

  /** The counters. */
  usage(): MemoryUse {
    return {
      buffers: this.#buffers,
      bytes: this.#bytes,
      liveBuffers: this.#liveBuffers,
      liveBytes: this.#liveBytes,
      peakBytes: this.#peakBytes,
      created: this.#created,
    };
  }

  /** Destroys every buffer, in use or not. Releasing an allocation afterwards does nothing. */
  destroy(): void {
    this.#destroyed = true;
    for (const buffer of this.#all) buffer.destroy();
    for (const memory of this.#steps) memory.ring?.destroy();
    this.#steps.clear();
    this.#all.clear();
    this.#free.clear();
    this.#buffers = 0;
    this.#bytes = 0;
    this.#liveBuffers = 0;
    this.#liveBytes = 0;
  }

  /** Makes a buffer free, or parks it if the commands of a recorded step use it. */
  #recycle(buffer: GPUBuffer, capacity: number): void {
    for (const memory of this.#steps) {
      if (memory.touched.has(buffer)) {
        memory.parked.push([buffer, capacity]);
        return;
      }
    }
    pushFree(this.#free, capacity, buffer);
  }

  #markReleased(allocation: Allocation): void {
    allocation.released = true;
    allocation.owner?.live.delete(allocation);
    this.#liveBuffers -= 1;
    this.#liveBytes -= allocation.capacity;
  }

  #create(capacity: number): GPUBuffer {
    if (this.#bytes + capacity > KEPT_BYTES) this.trim();
    const bytesBefore = this.#bytes;
    this.#device.pushErrorScope('out-of-memory');
    const buffer = this.#device.createBuffer({ size: capacity, usage: USAGE });
    this.#device.popErrorScope().then(
      (error) => {
        if (!error) return;
        const requestedMiB = (capacity / 2 ** 20).toFixed(1);
        const allocatedMiB = (bytesBefore / 2 ** 20).toFixed(0);
        this.#events.onError(
          new GpuError(
            `The GPU has no memory for another ${requestedMiB} MiB (${allocatedMiB} MiB allocated): ` +
              'use a smaller batch or model.',
          ),
        );
      },
      () => {},
    );
    this.#all.add(buffer);
    this.#buffers += 1;
    this.#bytes += capacity;
    this.#created += 1;
    this.#peakBytes = Math.max(this.#peakBytes, this.#bytes);
    return buffer;
  }
}

function pushFree(lists: Map<number, GPUBuffer[]>, capacity: number, buffer: GPUBuffer): void {
  const list = lists.get(capacity);
  if (list) list.push(buffer);
  else lists.set(capacity, [buffer]);
}

/** @throws Error where a callback that must run synchronously returned a promise. */
function assertSynchronous<T>(result: T): T {
  if (typeof (result as { then?: unknown } | undefined)?.then === 'function') {
    throw new Error(
      'A scope, a recording or a differentiated function cannot be async: read results after it returns.',
    );
  }
  return result;
}

/**
 * The allocations in a scope's result: the result itself, or the members of an array or a plain
 * object.
 */
function allocationsIn(result: unknown): Allocation[] {
  if (result instanceof Allocation) return [result];
  if (typeof result !== 'object' || result === null) return [];
  if ('allocation' in result) {
    const { allocation } = result as Owner;
    return allocation ? [allocation] : [];
  }
  const plain = Array.isArray(result) || Object.getPrototypeOf(result) === Object.prototype;
  return plain ? Object.values(result).flatMap(allocationsIn) : [];
}
