/** Buffers: a range of the device's memory, and its mapping to the host. */

import type { DeviceContext, Mappable } from './device-context.js';
import {
  checkSameDevice,
  describeCall,
  describeObject,
  domException,
  ensure,
  ValidationError,
} from './errors.js';
import { MAP_MODE, USAGE } from './flags.js';
import { MAX_U32, unsigned } from './numbers.js';

const ALL_USAGES = Object.values(USAGE).reduce<number>((all, usage) => all | usage, 0);

/** What is mapped: bytes of the buffer, as the host reads or writes them. */
interface Mapping {
  readonly offset: number;
  readonly data: Uint8Array<ArrayBuffer>;
  /** Whether what the host writes goes back into the buffer. */
  readonly isWritable: boolean;
  readonly ranges: MappedRange[];
}

/** A part of a mapping that was handed out. */
interface MappedRange {
  readonly offset: number;
  readonly size: number;
  readonly bytes: ArrayBuffer;
}

/** A mapping that was asked for, and is not there yet. */
interface MapRequest {
  readonly mode: number;
  readonly offset: number;
  readonly size: number;
}

/** A buffer: a range of the device’s memory that the host can map. */
export class CpuBuffer implements GPUBuffer, Mappable {
  declare readonly __brand: 'GPUBuffer';
  label: string;
  readonly size: number;
  readonly usage: number;
  readonly context: DeviceContext;
  /** Where it begins; 0 where it could not be made. It is no longer its own once it is destroyed. */
  readonly address: number;
  #isValid: boolean;
  #isDestroyed = false;
  /** When the last was submitted that uses it: it can be mapped after that, though more is submitted since. */
  #lastUse = 0;
  #mapping: Mapping | undefined;
  /** Rejects the mapping that was asked for last and is not there yet. */
  #abort: ((error: Error) => void) | undefined;

  /** @throws TypeError or RangeError where the descriptor is not one, or cannot be mapped. */
  constructor(context: DeviceContext, descriptor: GPUBufferDescriptor) {
    this.context = context;
    this.label = descriptor.label ?? '';
    this.size = unsigned(descriptor.size, 'size');
    this.usage = unsigned(descriptor.usage, 'usage', MAX_U32);
    const { mappedAtCreation = false } = descriptor;
    if (mappedAtCreation) this.#setMapping(this.#mappingAtCreation());
    const call = describeCall('createBuffer', this.label);
    const address = context.errors.attempt(call, () => {
      this.#validate();
      return context.allocate(call, this.size, () => this.#invalidate());
    });
    this.#isValid = address !== undefined;
    this.address = address ?? 0;
    this.markUsed();
  }

  get mapState(): GPUBufferMapState {
    if (this.#mapping) return 'mapped';
    return this.#abort ? 'pending' : 'unmapped';
  }

  /** @throws Refusal where it was made by another device, or could not be made. */
  checkValid(context: DeviceContext): void {
    checkSameDevice(context, this, 'buffer');
    if (!this.#isValid)
      throw new ValidationError(`${describeObject('buffer', this.label)} is invalid`);
  }

  /** @throws Refusal where a submit may not use it: it is destroyed or mapped. */
  checkUsable(): void {
    if (this.#isDestroyed)
      throw new ValidationError(`${describeObject('buffer', this.label)} is destroyed`);
    if (!this.#mapping && !this.#abort) return;
    throw new ValidationError(`${describeObject('buffer', this.label)} is ${this.mapState}`);
  }

  /** @throws Refusal where the buffer was not made with the usage. */
  checkUsage(usage: number, name: string): void {
    if ((this.usage & usage) !== 0) return;
    throw new ValidationError(
      `${describeObject('buffer', this.label)} was not made with usage ${name}`,
    );
  }

  markUsed(): void {
    this.#lastUse = this.context.submitted;
  }

  destroy(): undefined {
    if (this.#isDestroyed) return undefined;
    this.unmap();
    this.#isDestroyed = true;
    if (this.#isValid) this.context.release(this.address);
    return undefined;
  }

  /** The host had no room for it. */
  #invalidate(): void {
    if (!this.#isDestroyed) this.context.release(this.address);
    this.#isValid = false;
  }

  /** @throws TypeError, OperationError or AbortError, as a rejection. */
  mapAsync(mode: number, offset?: number, size?: number): Promise<undefined> {
    try {
      const request = this.#newRequest(mode, offset, size);
      if (this.context.isLost) throw domException('AbortError', 'mapAsync: the device is lost.');
      const isAllowed = this.context.errors.attempt(describeCall('mapAsync', this.label), () => {
        this.#checkRequest(request);
        return true;
      });
      if (!isAllowed)
        throw domException('OperationError', 'mapAsync: the buffer cannot be mapped.');
      return this.#map(request);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  getMappedRange(offset?: number, size?: number): ArrayBuffer {
    const { start, bytes } = this.#range(offset, size);
    const mapping = this.#mapping;
    const refuse = (why: string) => domException('OperationError', `getMappedRange: ${why}.`);
    if (!mapping) throw refuse('the buffer is not mapped');
    if (start % 8 !== 0 || bytes % 4 !== 0)
      throw refuse('offset must be a multiple of 8, and size of 4');
    const { data } = mapping;
    const from = start - mapping.offset;
    if (from < 0 || from + bytes > data.length)
      throw refuse(`${start} + ${bytes} bytes are outside of what is mapped`);
    const overlaps = mapping.ranges.some(
      (r) => start < r.offset + r.size && r.offset < start + bytes,
    );
    if (overlaps) throw refuse('the range overlaps one that was taken already');
    const range = data.slice(from, from + bytes).buffer;
    mapping.ranges.push({ offset: start, size: bytes, bytes: range });
    return range;
  }

  unmap(): undefined {
    this.abortMapping('the buffer was unmapped or destroyed meanwhile');
    const mapping = this.#mapping;
    if (!mapping) return undefined;
    this.#setMapping(undefined);
    for (const { offset, size, bytes } of mapping.ranges) {
      // Of a range that the host has transferred elsewhere, what was written is lost.
      const isThere = bytes.byteLength === size;
      if (isThere && mapping.isWritable && this.#isValid)
        this.context.write(this.address + offset, new Uint8Array(bytes));
      detach(bytes);
    }
    this.markUsed();
    return undefined;
  }

  /** Rejects a mapping that is not there yet. */
  abortMapping(why: string): void {
    const abort = this.#abort;
    this.#setAbort(undefined);
    abort?.(domException('AbortError', `mapAsync: ${why}.`));
  }

  #range(offset: unknown = 0, size?: unknown): { start: number; bytes: number } {
    const start = unsigned(offset, 'offset');
    const bytes = size === undefined ? Math.max(0, this.size - start) : unsigned(size, 'size');
    return { start, bytes };
  }

  #newRequest(mode: unknown, offset: unknown, size: unknown): MapRequest {
    const { start, bytes } = this.#range(offset, size);
    return { mode: unsigned(mode, 'mode', MAX_U32), offset: start, size: bytes };
  }

  #checkRequest({ mode, offset, size }: MapRequest): void {
    this.checkValid(this.context);
    ensure(!this.#isDestroyed, () => 'the buffer is destroyed');
    ensure(this.mapState === 'unmapped', () => `the buffer is ${this.mapState} already`);
    ensure(
      mode === MAP_MODE.READ || mode === MAP_MODE.WRITE,
      () => 'mode is neither READ nor WRITE',
    );
    if (mode === MAP_MODE.READ) this.checkUsage(USAGE.MAP_READ, 'MAP_READ');
    else this.checkUsage(USAGE.MAP_WRITE, 'MAP_WRITE');
    ensure(offset % 8 === 0, () => `offset ${offset} is not a multiple of 8`);
    ensure(size % 4 === 0, () => `size ${size} is not a multiple of 4`);
    ensure(offset + size <= this.size, () => `${offset} + ${size} bytes are past ${this.size}`);
  }

  #map({ mode, offset, size }: MapRequest): Promise<undefined> {
    return new Promise((resolve, reject) => {
      this.#setAbort(reject);
      this.context.read(this.address + offset, size, this.#lastUse).then((data) => {
        // Unmapped meanwhile, and perhaps asked for again.
        if (this.#abort !== reject) return;
        this.#setAbort(undefined);
        if (!this.#isValid) {
          reject(domException('OperationError', 'mapAsync: the buffer is invalid.'));
          return;
        }
        this.#setMapping(newMapping(offset, mode === MAP_MODE.WRITE, data));
        resolve(undefined);
      });
    });
  }

  #mappingAtCreation(): Mapping {
    const { size } = this;
    if (size % 4 !== 0)
      throw new RangeError(
        `createBuffer: size ${size} is not a multiple of 4, and is to be mapped.`,
      );
    try {
      return newMapping(0, true, new ArrayBuffer(size));
    } catch {
      throw new RangeError(`createBuffer: there is no room to map ${size} bytes.`);
    }
  }

  #setMapping(mapping: Mapping | undefined): void {
    this.#mapping = mapping;
    this.context.trackMapping(this);
  }

  #setAbort(abort: ((error: Error) => void) | undefined): void {
    this.#abort = abort;
    this.context.trackMapping(this);
  }

  #validate(): void {
    const { size, usage } = this;
    const { maxBufferSize } = this.context.limits;
    ensure(size <= maxBufferSize, () => `size ${size} is past maxBufferSize, ${maxBufferSize}`);
    ensure(usage !== 0, () => 'usage is 0');
    ensure((usage & ~ALL_USAGES) === 0, () => `usage ${usage} has bits that mean nothing`);
    const onlyWith = (flag: number, name: string, other: number, otherName: string) =>
      ensure(
        (usage & flag) === 0 || (usage & ~(flag | other)) === 0,
        () => `${name} goes only with ${otherName}`,
      );
    onlyWith(USAGE.MAP_READ, 'MAP_READ', USAGE.COPY_DST, 'COPY_DST');
    onlyWith(USAGE.MAP_WRITE, 'MAP_WRITE', USAGE.COPY_SRC, 'COPY_SRC');
  }
}

/** Whoever holds a range must not think that it still is the buffer. */
function detach(bytes: ArrayBuffer): void {
  try {
    structuredClone(bytes, { transfer: [bytes] });
  } catch {
    // It was transferred before.
  }
}

function newMapping(offset: number, isWritable: boolean, data: ArrayBuffer): Mapping {
  return { offset, data: new Uint8Array(data), isWritable, ranges: [] };
}

/** Our buffer behind a GPUBuffer. @throws TypeError where it is not one of a CPU device. */
export function asBuffer(buffer: GPUBuffer): CpuBuffer {
  if (buffer instanceof CpuBuffer) return buffer;
  throw new TypeError('This buffer was not made by a CPU device.');
}
