/** GPU memory: size-class pooling, scopes that give back what they allocated, and counters. */

import { GpuError } from './errors.js';

/** A range of a GPU buffer, as kernels bind it. */
export interface BufferView {
  readonly buffer: GPUBuffer;
  /** Bytes from the buffer's start; a multiple of 256. */
  readonly offset: number;
  /** Bytes; a multiple of 4. */
  readonly size: number;
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

/** A buffer handed out by the pool. `release` gives it back; it must not be used after. */
export class Allocation implements BufferView {
  readonly offset = 0;
  released = false;
  /** The recording it belongs to: it goes back to the pool with it, not before. */
  owner: Holder | undefined;

  constructor(
    readonly buffer: GPUBuffer,
    readonly size: number,
    readonly capacity: number,
    readonly pool: BufferPool,
  ) {}

  release(): void {
    this.pool.release(this);
  }

  /** Takes it out of every scope: it lives until it is released. */
  detach(): void {
    this.pool.detach(this);
  }
}

/** Keeps every buffer a recorded step touches out of other hands until the step is disposed. */
export interface Holder {
  /** Free again within the recording. */
  readonly free: Map<number, GPUBuffer[]>;
  /** Every buffer the recording took, with its capacity. */
  readonly owned: Map<GPUBuffer, number>;
  /** What it handed out and was not given back: in use until the recording goes. */
  readonly live: Set<Allocation>;
  /** Buffers from before that were released while it was recorded. */
  readonly held: Allocation[];
  /** Buffers written once by the host while it was recorded, and never handed out again. */
  readonly constants: Set<GPUBuffer>;
}

export function newHolder(): Holder {
  return {
    free: new Map(),
    owned: new Map(),
    live: new Set(),
    held: [],
    constants: new Set(),
  };
}

// STORAGE | UNIFORM | COPY_SRC | COPY_DST: the numbers of GPUBufferUsage, whose global may be missing.
const USAGE = 0x80 | 0x40 | 0x04 | 0x08;
const SMALLEST = 256;

/** The next size class: powers of two and their quarters, so at most a quarter is wasted. */
export function sizeClass(bytes: number): number {
  if (bytes <= SMALLEST) return SMALLEST;
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
  #holder: Holder | undefined;
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

  /**
   * A buffer of at least `bytes` (rounded up to a multiple of 4); contents undefined.
   *
   * @param constant while a step is recorded: the host writes it now, so no replayed command may ever write it.
   */
  acquire(bytes: number, constant = false): Allocation {
    const size = Math.max(4, Math.ceil(bytes / 4) * 4);
    const capacity = sizeClass(size);
    const buffer =
      (constant ? undefined : this.#holder?.free.get(capacity)?.pop()) ??
      this.#free.get(capacity)?.pop() ??
      this.#create(capacity);
    const allocation = new Allocation(buffer, size, capacity, this);
    if (this.#holder) {
      allocation.owner = this.#holder;
      this.#holder.owned.set(buffer, capacity);
      this.#holder.live.add(allocation);
      if (constant) this.#holder.constants.add(buffer);
    }
    this.#liveBuffers += 1;
    this.#liveBytes += capacity;
    this.#scopes.at(-1)?.add(allocation);
    return allocation;
  }

  release(allocation: Allocation): void {
    if (allocation.released || this.#destroyed) return;
    if (this.#holder && allocation.owner !== this.#holder) {
      // A recording replays reads of this buffer: it may not be handed out again before the recording goes.
      this.#holder.held.push(allocation);
      return;
    }
    this.#retire(allocation);
    for (const scope of this.#scopes) scope.delete(allocation);
    if (!allocation.owner) this.#give(this.#free, allocation.capacity, allocation.buffer);
    else if (allocation.owner === this.#holder && !this.#holder.constants.has(allocation.buffer)) {
      this.#give(allocation.owner.free, allocation.capacity, allocation.buffer);
    }
  }

  /** Whether the host may write a buffer now: not where a recording's own commands will. */
  isHostWritable(buffer: GPUBuffer): boolean {
    return !this.#holder?.owned.has(buffer) || this.#holder.constants.has(buffer);
  }

  /** Runs `fn` and releases what it allocated, except what its result owns. */
  scope<T>(fn: () => T): T {
    const scope = new Set<Allocation>();
    this.#scopes.push(scope);
    let result: T | undefined;
    try {
      result = fn();
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

  /** Runs `fn` with every buffer it takes kept for `holder`. */
  hold<T>(holder: Holder, fn: () => T): T {
    if (this.#holder) throw new Error('A step is being recorded already: recordings do not nest.');
    this.#holder = holder;
    const scopes = this.#scopes.splice(0);
    try {
      return fn();
    } finally {
      this.#holder = undefined;
      this.#scopes.push(...scopes);
    }
  }

  /** Gives a holder's buffers back to the pool. */
  drop(holder: Holder): void {
    if (this.#destroyed) return;
    for (const allocation of holder.live) this.#retire(allocation);
    for (const [buffer, capacity] of holder.owned) this.#give(this.#free, capacity, buffer);
    holder.owned.clear();
    holder.free.clear();
    holder.constants.clear();
    for (const allocation of holder.held.splice(0)) this.release(allocation);
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

  #retire(allocation: Allocation): void {
    allocation.released = true;
    allocation.owner?.live.delete(allocation);
    this.#liveBuffers -= 1;
    this.#liveBytes -= allocation.capacity;
  }

  #create(capacity: number): GPUBuffer {
    this.#device.pushErrorScope('out-of-memory');
    const buffer = this.#device.createBuffer({ size: capacity, usage: USAGE });
    this.#device.popErrorScope().then(
      (error) => {
        if (!error) return;
        const asked = (capacity / 2 ** 20).toFixed(1);
        const held = (this.#bytes / 2 ** 20).toFixed(0);
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

  #give(lists: Map<number, GPUBuffer[]>, capacity: number, buffer: GPUBuffer): void {
    const list = lists.get(capacity);
    if (list) list.push(buffer);
    else lists.set(capacity, [buffer]);
  }
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
