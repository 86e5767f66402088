/** GPU memory: size-class pooling, scopes that give back what they allocated, and counters. */

import { GpuError } from './errors.js';

/** A range of a GPU buffer, as kernels bind it. */
export interface BufferView {
  readonly buffer: GPUBuffer;
  /** Bytes from the buffer's start; a multiple of 256. */
  readonly offset: number;
  /** Bytes; a multiple of 4. */
  readonly size: number;
  /** Whether the memory was given back: such a view may not be used any more. */
  readonly released?: boolean;
}

/** Anything that owns pooled memory and can be kept alive past a scope. */
export interface Owner {
  readonly allocation: Allocation | undefined;
}

/** Counters of an engine's memory, in buffers and bytes. */
export interface MemoryUse {
  /** Buffers that exist, in use or pooled. */
  readonly buffers: number;
  readonly bytes: number;
  /** Buffers in use. */
  readonly liveBuffers: number;
  readonly liveBytes: number;
  /** The most bytes that ever existed at once. */
  readonly peakBytes: number;
  /** Buffers created since the engine was. */
  readonly created: number;
}

/**
 * How long memory lives: until its scope ends; until its recording goes, written once by the host and by nothing else;
 * or until it is released, whatever scope or recording is open.
 */
export type Life = 'scoped' | 'constant' | 'lasting';

/** A buffer handed out by the pool; it must not be used after it was given back. */
export class Allocation implements BufferView {
  readonly offset = 0;
  released = false;
  /** The recording it belongs to: it goes back to the pool with it, not before. */
  owner: StepMemory | undefined;

  constructor(
    readonly buffer: GPUBuffer,
    readonly size: number,
    readonly capacity: number,
    readonly pool: BufferPool,
  ) {}

  /** Gives it back at once. */
  release(): void {
    this.pool.release(this);
  }

  /** Gives it back, but not before a gradient that may still need it has been made. */
  dispose(): void {
    this.pool.dispose(this);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** Takes it out of every scope: it lives until it is released. */
  detach(): void {
    this.pool.detach(this);
  }
}

/** A buffer and its size class. */
type Sized = readonly [buffer: GPUBuffer, capacity: number];

/** Keeps every buffer a recorded step touches out of other hands until the step is disposed. */
export interface StepMemory {
  /** Free again within the recording. */
  readonly free: Map<number, GPUBuffer[]>;
  /** Every buffer the recording took, with its capacity. */
  readonly owned: Map<GPUBuffer, number>;
  /** What it handed out and was not given back: in use until the recording goes. */
  readonly live: Set<Allocation>;
  /** Every buffer its commands read or write, its own and others'. */
  readonly touched: Set<GPUBuffer>;
  /** Touched buffers of others that were released: nobody gets them before the recording goes. */
  readonly parked: Sized[];
  /** Buffers written once by the host while it was recorded, and never handed out again. */
  readonly constants: Set<GPUBuffer>;
}

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

// STORAGE | UNIFORM | COPY_SRC | COPY_DST: the numbers of GPUBufferUsage, whose global may be missing.
const USAGE = 0x80 | 0x40 | 0x04 | 0x08;
const MIN_BUFFER_BYTES = 256;

/** The next size class: powers of two and their quarters, so at most a quarter is wasted. */
export function sizeClass(bytes: number): number {
  if (bytes <= MIN_BUFFER_BYTES) return MIN_BUFFER_BYTES;
  const power = 2 ** Math.floor(Math.log2(bytes));
  const quarter = power / 4;
  return power + Math.ceil((bytes - power) / quarter) * quarter;
}

/** Hands out storage buffers by size class and takes them back for reuse. */
export class BufferPool {
  readonly #device: GPUDevice;
  readonly #onError: (error: GpuError) => void;
  readonly #all = new Set<GPUBuffer>();
  readonly #free = new Map<number, GPUBuffer[]>();
  readonly #scopes: Set<Allocation>[] = [];
  /** Recordings that may be replayed. */
  readonly #steps = new Set<StepMemory>();
  #step: StepMemory | undefined;
  /** What was disposed while gradients may still need it. */
  #deferred: Set<Allocation> | undefined;
  #buffers = 0;
  #bytes = 0;
  #liveBuffers = 0;
  #liveBytes = 0;
  #peakBytes = 0;
  #created = 0;
  #destroyed = false;

  constructor(device: GPUDevice, onError: (error: GpuError) => void) {
    this.#device = device;
    this.#onError = onError;
  }

  /** A buffer of at least `bytes` (rounded up to a multiple of 4, 16 at least); contents undefined. */
  acquire(bytes: number, life: Life = 'scoped'): Allocation {
    const size = Math.max(16, Math.ceil(bytes / 4) * 4);
    const capacity = Math.min(sizeClass(size), this.#device.limits.maxBufferSize);
    const memory = life === 'lasting' ? undefined : this.#step;
    const buffer =
      (life === 'constant' ? undefined : memory?.free.get(capacity)?.pop()) ??
      this.#free.get(capacity)?.pop() ??
      this.#create(capacity);
    const allocation = new Allocation(buffer, size, capacity, this);
    if (memory) {
      allocation.owner = memory;
      memory.owned.set(buffer, capacity);
      memory.live.add(allocation);
      if (life === 'constant') memory.constants.add(buffer);
    }
    this.#liveBuffers += 1;
    this.#liveBytes += capacity;
    if (life !== 'lasting') this.#scopes.at(-1)?.add(allocation);
    return allocation;
  }

  release(allocation: Allocation): void {
    if (allocation.released || this.#destroyed) return;
    const { buffer, capacity, owner } = allocation;
    this.#retire(allocation);
    this.detach(allocation);
    if (!owner) this.#recycle(buffer, capacity);
    else if (owner === this.#step && !owner.constants.has(buffer)) {
      putBack(owner.free, capacity, buffer);
    }
  }

  dispose(allocation: Allocation): void {
    if (this.#deferred) this.#deferred.add(allocation);
    else this.release(allocation);
  }

  /** Runs `fn`, in which nothing that is disposed goes back and no scope closes, until the function returned is called. */
  defer<T>(fn: () => T): { result: T; settle: () => void } {
    const deferred = new Set<Allocation>();
    this.#deferred = deferred;
    try {
      const result = refusePromise(fn());
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

  /** Notes that a command of the recording touches a buffer. */
  touch(buffer: GPUBuffer): void {
    this.#step?.touched.add(buffer);
  }

  /** Whether the host may write a buffer now: not where a recording's own commands will. */
  isHostWritable(buffer: GPUBuffer): boolean {
    return !this.#step?.owned.has(buffer) || this.#step.constants.has(buffer);
  }

  /** Runs `fn` and releases what it allocated, except what its result owns. */
  scope<T>(fn: () => T): T {
    // While a tape runs, its own scope takes what inner ones would have given back: the way back needs it.
    if (this.#deferred) return refusePromise(fn());
    const scope = new Set<Allocation>();
    this.#scopes.push(scope);
    let result: T | undefined;
    try {
      result = refusePromise(fn());
      return result;
    } finally {
      this.#scopes.pop();
      for (const kept of ownedBy(result)) {
        if (scope.delete(kept)) this.#scopes.at(-1)?.add(kept);
      }
      for (const allocation of scope) this.release(allocation);
    }
  }

  detach(allocation: Allocation): void {
    for (const scope of this.#scopes) scope.delete(allocation);
  }

  /** Runs `fn` with every buffer it takes kept for a recorded step. */
  holdFor<T>(memory: StepMemory, fn: () => T): T {
    if (this.#step) throw new Error('A step is being recorded already: recordings do not nest.');
    this.#step = memory;
    this.#steps.add(memory);
    const scopes = this.#scopes.splice(0);
    try {
      return refusePromise(fn());
    } finally {
      this.#step = undefined;
      this.#scopes.push(...scopes);
    }
  }

  /** Gives a step's buffers back to the pool. */
  dropStep(memory: StepMemory): void {
    if (this.#destroyed) return;
    this.#steps.delete(memory);
    for (const allocation of memory.live) this.#retire(allocation);
    for (const [buffer, capacity] of [...memory.owned, ...memory.parked]) {
      this.#recycle(buffer, capacity);
    }
    memory.owned.clear();
    memory.parked.length = 0;
  }

  /** Destroys the buffers nobody uses. */
  trim(): void {
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

  use(): MemoryUse {
    return {
      buffers: this.#buffers,
      bytes: this.#bytes,
      liveBuffers: this.#liveBuffers,
      liveBytes: this.#liveBytes,
      peakBytes: this.#peakBytes,
      created: this.#created,
    };
  }

  /** Destroys every buffer, in use or not; what is released after is gone already. */
  destroy(): void {
    this.#destroyed = true;
    for (const buffer of this.#all) buffer.destroy();
    this.#all.clear();
    this.#free.clear();
    this.#buffers = 0;
    this.#bytes = 0;
    this.#liveBuffers = 0;
    this.#liveBytes = 0;
  }

  /** Puts a buffer where the next taker finds it, or aside while a recording still replays commands on it. */
  #recycle(buffer: GPUBuffer, capacity: number): void {
    for (const memory of this.#steps) {
      if (memory.touched.has(buffer)) {
        memory.parked.push([buffer, capacity]);
        return;
      }
    }
    putBack(this.#free, capacity, buffer);
  }

  #retire(allocation: Allocation): void {
    allocation.released = true;
    allocation.owner?.live.delete(allocation);
    this.#liveBuffers -= 1;
    this.#liveBytes -= allocation.capacity;
  }

  #create(capacity: number): GPUBuffer {
    const before = this.#bytes;
    this.#device.pushErrorScope('out-of-memory');
    const buffer = this.#device.createBuffer({ size: capacity, usage: USAGE });
    this.#device.popErrorScope().then(
      (error) => {
        if (!error) return;
        const asked = (capacity / 2 ** 20).toFixed(1);
        const held = (before / 2 ** 20).toFixed(0);
        this.#onError(
          new GpuError(
            `The GPU has no room for another ${asked} MiB (${held} MiB in use): ` +
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

function putBack(lists: Map<number, GPUBuffer[]>, capacity: number, buffer: GPUBuffer): void {
  const list = lists.get(capacity);
  if (list) list.push(buffer);
  else lists.set(capacity, [buffer]);
}

/** @throws Error where a callback that must finish before it returns is an async one. */
function refusePromise<T>(result: T): T {
  if (typeof (result as { then?: unknown } | undefined)?.then === 'function') {
    throw new Error(
      'A scope, a recording or a differentiated function cannot be async: read results after it.',
    );
  }
  return result;
}

/** The allocations a scope's result holds: itself, or the members of an array or plain object. */
function ownedBy(result: unknown): Allocation[] {
  if (result instanceof Allocation) return [result];
  if (typeof result !== 'object' || result === null) return [];
  if ('allocation' in result) {
    const { allocation } = result as Owner;
    return allocation ? [allocation] : [];
  }
  const plain = Array.isArray(result) || Object.getPrototypeOf(result) === Object.prototype;
  return plain ? Object.values(result).flatMap(ownedBy) : [];
}
