/** Reading back: a ring of mappable buffers, so that a loss can be read later without stopping the queue. */

import type { BufferView } from './memory.js';
import { sizeClass } from './memory.js';

// GPUBufferUsage.MAP_READ | COPY_DST and GPUMapMode.READ by value: the globals may be missing.
const USAGE = 0x01 | 0x08;
const READ = 0x01;

/** Copies waiting in one staging buffer, in the order they were asked for. */
export interface Slot {
  readonly buffer: GPUBuffer;
  readonly capacity: number;
  readonly views: readonly BufferView[];
  readonly offsets: readonly number[];
  readonly bytes: number;
}

/** Mappable buffers by size class; a slot is free again once it has been read. */
export class StagingRing {
  readonly #device: GPUDevice;
  readonly #free = new Map<number, GPUBuffer[]>();
  created = 0;
  bytes = 0;

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  /** Encodes the copies of `views` into a free slot. */
  copy(encoder: GPUCommandEncoder, views: readonly BufferView[]): Slot {
    const offsets: number[] = [];
    let bytes = 0;
    for (const view of views) {
      offsets.push(bytes);
      bytes += view.size;
    }
    const capacity = sizeClass(bytes);
    const buffer = this.#free.get(capacity)?.pop() ?? this.#create(capacity);
    for (const [n, view] of views.entries()) {
      encoder.copyBufferToBuffer(view.buffer, view.offset, buffer, offsets[n]!, view.size);
    }
    return { buffer, capacity, views, offsets, bytes };
  }

  /** The copied bytes, one array buffer per view; frees the slot. */
  async read(slot: Slot, settle: <T>(promise: Promise<T>) => Promise<T>): Promise<ArrayBuffer[]> {
    try {
      await settle(slot.buffer.mapAsync(READ, 0, slot.bytes));
    } catch (error) {
      slot.buffer.destroy();
      throw error;
    }
    const mapped = slot.buffer.getMappedRange(0, slot.bytes);
    const parts = slot.views.map((view, n) =>
      mapped.slice(slot.offsets[n]!, slot.offsets[n]! + view.size),
    );
    slot.buffer.unmap();
    const list = this.#free.get(slot.capacity);
    if (list) list.push(slot.buffer);
    else this.#free.set(slot.capacity, [slot.buffer]);
    return parts;
  }

  destroy(): void {
    for (const buffers of this.#free.values()) for (const buffer of buffers) buffer.destroy();
    this.#free.clear();
  }

  #create(capacity: number): GPUBuffer {
    this.created += 1;
    this.bytes += capacity;
    return this.#device.createBuffer({ size: capacity, usage: USAGE });
  }
}
