/** Buffers: ranges of the device's memory, and their mapping to the host. */

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

const ALL_USAGES = Object.values(USAGE).reduce<number>((bits, usage) => bits | usage, 0);

/** A mapping: bytes of the buffer that the host reads or writes. */
interface Mapping {
  readonly offset: number;
  readonly data: Uint8Array<ArrayBuffer>;
  /** Whether the host's changes are written back to the buffer. */
  readonly isWritable: boolean;
  readonly ranges: MappedRange[];
}

/** A part of a mapping that was given to the host. */
interface MappedRange {
  readonly offset: number;
  readonly size: number;
  readonly bytes: ArrayBuffer;
}

/** A mapping that was requested and is still pending. */
interface MapRequest {
  readonly mode: number;
  readonly offset: number;
  readonly size: number;
}

/** A buffer: a range of the device's memory that the host can map. */
export class CpuBuffer implements GPUBuffer, Mappable {
  declare readonly __brand: 'GPUBuffer';
  label: string;
  readonly size: number;
  readonly usage: number;
  readonly context: DeviceContext;
  /**
   * Byte address in the device's memory; 0 for an invalid buffer. Once the buffer is destroyed, the
   * range may belong to another one.
   */
  readonly address: number;
  #isValid: boolean;
  #isDestroyed = false;
  /**
   * The value of `submitted` after the last work that uses the buffer. A mapping waits for that
   * work, not for what was submitted after it.
   */
  #lastUse = 0;
  #mapping: Mapping | undefined;
  /** Rejects the pending mapping. */
  #abort: ((error: Error) => void) | undefined;

  /**
   * @throws TypeError where the descriptor has values of the wrong type, RangeError where the
   *   buffer cannot be mapped at creation.
   */
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

  /** 'unmapped', 'pending' or 'mapped'. */
  get mapState(): GPUBufferMapState {
    if (this.#mapping) return 'mapped';
    return this.#abort ? 'pending' : 'unmapped';
  }

  /** @throws ValidationError where the buffer was created by another device, or is invalid. */
  checkValid(context: DeviceContext): void {
    checkSameDevice(context, this, 'buffer');
    if (!this.#isValid)
      throw new ValidationError(`${describeObject('buffer', this.label)} is invalid`);
  }

  /** @throws ValidationError where a submit cannot use the buffer: it is destroyed or mapped. */
  checkUsable(): void {
    if (this.#isDestroyed)
      throw new ValidationError(`${describeObject('buffer', this.label)} is destroyed`);
    if (!this.#mapping && !this.#abort) return;
    throw new ValidationError(`${describeObject('buffer', this.label)} is ${this.mapState}`);
  }

  /** @throws ValidationError where the buffer was created without this usage. */
  checkUsage(usage: number, name: string): void {
    if ((this.usage & usage) !== 0) return;
    throw new ValidationError(
      `${describeObject('buffer', this.label)} was created without usage ${name}`,
    );
  }

  /** Records that work which uses the buffer was submitted. */
  markUsed(): void {
    this.#lastUse = this.context.submitted;
  }

  /** Unmaps the buffer and frees its memory. */
  destroy(): undefined {
    if (this.#isDestroyed) return undefined;
    this.unmap();
    this.#isDestroyed = true;
    if (this.#isValid) this.context.release(this.address);
    return undefined;
  }

  /** Makes the buffer invalid: the host had no room for it. */
  #invalidate(): void {
    if (!this.#isDestroyed) this.context.release(this.address);
    this.#isValid = false;
  }

  /**
   * Maps the buffer.
   *
   * @throws TypeError, OperationError or AbortError, as a rejection.
   */
  mapAsync(mode: number, offset?: number, size?: number): Promise<undefined> {
    try {
      const request = this.#readMapRequest(mode, offset, size);
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

  /**
   * Returns a part of the mapping.
   *
   * @throws OperationError where the range is not mapped, not aligned, or overlaps one returned
   *   before.
   */
  getMappedRange(offset?: number, size?: number): ArrayBuffer {
    const { start, bytes } = this.#readRange(offset, size);
    const mapping = this.#mapping;
    const refuse = (why: string) => domException('OperationError', `getMappedRange: ${why}.`);
    if (!mapping) throw refuse('the buffer is not mapped');
    if (start % 8 !== 0 || bytes % 4 !== 0)
      throw refuse('offset must be a multiple of 8, and size a multiple of 4');
    const { data } = mapping;
    const dataStart = start - mapping.offset;
    if (dataStart < 0 || dataStart + bytes > data.length)
      throw refuse(`offset ${start} and size ${bytes} exceed what is mapped`);
    const overlaps = mapping.ranges.some(
      (r) => start < r.offset + r.size && r.offset < start + bytes,
    );
    if (overlaps) throw refuse('the range overlaps one that was returned before');
    const range = data.slice(dataStart, dataStart + bytes).buffer;
    mapping.ranges.push({ offset: start, size: bytes, bytes: range });
    return range;
  }

  /** Ends the mapping and writes the host's changes back. */
  unmap(): undefined {
    this.abortMapping('the buffer was unmapped or destroyed');
    const mapping = this.#mapping;
    if (!mapping) return undefined;
    this.#setMapping(undefined);
    for (const { offset, size, bytes } of mapping.ranges) {
      // If the host has transferred the range elsewhere, what it wrote is lost.
      const isAttached = bytes.byteLength === size;
      if (isAttached && mapping.isWritable && this.#isValid)
        this.context.write(this.address + offset, new Uint8Array(bytes));
      detach(bytes);
    }
    this.markUsed();
    return undefined;
  }

  /** Rejects the pending mapping, if there is one. */
  abortMapping(why: string): void {
    const abort = this.#abort;
    this.#setAbort(undefined);
    abort?.(domException('AbortError', `mapAsync: ${why}.`));
  }

  #readRange(offset: unknown = 0, size?: unknown): { start: number; bytes: number } {
    const start = unsigned(offset, 'offset');
    const bytes = size === undefined ? Math.max(0, this.size - start) : unsigned(size, 'size');
    return { start, bytes };
  }

  #readMapRequest(mode: unknown, offset: unknown, size: unknown): MapRequest {
    const { start, bytes } = this.#readRange(offset, size);
    return { mode: unsigned(mode, 'mode', MAX_U32), offset: start, size: bytes };
  }

  #checkRequest({ mode, offset, size }: MapRequest): void {
    this.checkValid(this.context);
    ensure(!this.#isDestroyed, () => 'the buffer is destroyed');
    ensure(this.mapState === 'unmapped', () => `the buffer is already ${this.mapState}`);
    ensure(
      mode === MAP_MODE.READ || mode === MAP_MODE.WRITE,
      () => 'mode is neither READ nor WRITE',
    );
    if (mode === MAP_MODE.READ) this.checkUsage(USAGE.MAP_READ, 'MAP_READ');
    else this.checkUsage(USAGE.MAP_WRITE, 'MAP_WRITE');
    ensure(offset % 8 === 0, () => `offset ${offset} is not a multiple of 8`);
    ensure(size % 4 === 0, () => `size ${size} is not a multiple of 4`);
    ensure(
      offset + size <= this.size,
      () => `offset ${offset} and size ${size} exceed the buffer's ${this.size} bytes`,
    );
  }

  #map({ mode, offset, size }: MapRequest): Promise<undefined> {
    return new Promise((resolve, reject) => {
      this.#setAbort(reject);
      this.context.read(this.address + offset, size, this.#lastUse).then((data) => {
        // The buffer was unmapped meanwhile, and perhaps another mapping was requested.
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
        `createBuffer: size ${size} must be a multiple of 4 for mappedAtCreation.`,
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
    ensure(size <= maxBufferSize, () => `size ${size} exceeds maxBufferSize, ${maxBufferSize}`);
    ensure(usage !== 0, () => 'usage is 0');
    ensure((usage & ~ALL_USAGES) === 0, () => `usage ${usage} has unknown bits`);
    const allowOnlyWith = (flag: number, name: string, other: number, otherName: string) =>
      ensure(
        (usage & flag) === 0 || (usage & ~(flag | other)) === 0,
        () => `${name} can be combined only with ${otherName}`,
      );
    allowOnlyWith(USAGE.MAP_READ, 'MAP_READ', USAGE.COPY_DST, 'COPY_DST');
    allowOnlyWith(USAGE.MAP_WRITE, 'MAP_WRITE', USAGE.COPY_SRC, 'COPY_SRC');
  }
}

/** Detaches a mapped range, so that whoever still has it does not mistake it for the buffer. */
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

/**
 * Returns the CpuBuffer that a GPUBuffer is.
 *
 * @throws TypeError where it was not created by a CPU device.
 */
export function asBuffer(buffer: GPUBuffer): CpuBuffer {
  if (buffer instanceof CpuBuffer) return buffer;
  throw new TypeError('This buffer was not created by a CPU device.');
}
