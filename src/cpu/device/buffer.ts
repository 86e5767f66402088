/** Buffers: a range of the device's memory, and its mapping to the host. */

import type { CpuDevice } from './device.js';
import { domException, ensure, named, Refusal } from './errors.js';
import { MAP_READ, MAP_WRITE, USAGE } from './limits.js';

const ALL_USAGES = Object.values(USAGE).reduce<number>((all, usage) => all | usage, 0);

/** What is mapped: bytes of the buffer, as the host reads or writes them. */
interface Mapping {
  readonly offset: number;
  readonly data: Uint8Array<ArrayBuffer>;
  readonly isWritten: boolean;
  /** Ranges handed out, each with its bytes. */
  readonly ranges: { readonly offset: number; readonly bytes: ArrayBuffer }[];
}

export class CpuBuffer implements GPUBuffer {
  declare readonly __brand: 'GPUBuffer';
  label: string;
  readonly size: number;
  readonly usage: number;
  /** Where it begins; `undefined` where it could not be made, or was destroyed. */
  #address: number | undefined;
  readonly #device: CpuDevice;
  #isDestroyed = false;
  #isPending = false;
  #mapping: Mapping | undefined;
  #abort: ((error: Error) => void) | undefined;

  constructor(device: CpuDevice, descriptor: GPUBufferDescriptor) {
    this.#device = device;
    this.label = descriptor.label ?? '';
    this.size = descriptor.size;
    this.usage = descriptor.usage;
    const { mappedAtCreation = false } = descriptor;
    if (mappedAtCreation && this.size % 4 !== 0)
      throw new RangeError(
        `createBuffer: size ${this.size} is not a multiple of 4, and is to be mapped.`,
      );
    this.#address = device.errors.attempt(named('createBuffer', this.label), () => {
      this.#validate();
      return device.allocate(this.size);
    });
    if (mappedAtCreation) this.#mapping = this.#newMapping(0, this.size, true, undefined);
  }

  get mapState(): GPUBufferMapState {
    if (this.#mapping) return 'mapped';
    return this.#isPending ? 'pending' : 'unmapped';
  }

  /** Its address. @throws Refusal where commands may not use it: it is invalid, destroyed or mapped. */
  address(): number {
    if (this.#address !== undefined) return this.#address;
    const of = this.label ? ` "${this.label}"` : '';
    throw new Refusal(`buffer${of} is ${this.#isDestroyed ? 'destroyed' : 'invalid'}`);
  }

  /** @throws Refusal where a submit may not use it. */
  checkUsableInSubmit(): void {
    this.address();
    if (this.mapState === 'unmapped') return;
    throw new Refusal(`buffer${this.label ? ` "${this.label}"` : ''} is ${this.mapState}`);
  }

  /** @throws Refusal where the buffer was not made with the usage. */
  checkUsage(usage: number, name: string): void {
    const of = this.label ? ` "${this.label}"` : '';
    ensure((this.usage & usage) !== 0, () => `buffer${of} was not made with usage ${name}`);
  }

  destroy(): undefined {
    if (this.#isDestroyed) return undefined;
    this.unmap();
    this.#isDestroyed = true;
    if (this.#address !== undefined) this.#device.release(this.#address);
    this.#address = undefined;
    return undefined;
  }

  async mapAsync(
    mode: number,
    offset = 0,
    size = Math.max(0, this.size - offset),
  ): Promise<undefined> {
    const { errors } = this.#device;
    const range = errors.attempt(named('mapAsync', this.label), () => {
      const address = this.address();
      ensure(this.mapState === 'unmapped', () => `the buffer is ${this.mapState} already`);
      ensure(mode === MAP_READ || mode === MAP_WRITE, () => 'mode is neither READ nor WRITE');
      if (mode === MAP_READ) this.checkUsage(USAGE.MAP_READ, 'MAP_READ');
      else this.checkUsage(USAGE.MAP_WRITE, 'MAP_WRITE');
      ensure(offset % 8 === 0, () => `offset ${offset} is not a multiple of 8`);
      ensure(size % 4 === 0, () => `size ${size} is not a multiple of 4`);
      ensure(offset + size <= this.size, () => `${offset} + ${size} bytes are past ${this.size}`);
      return { address: address + offset };
    });
    if (!range) throw domException('OperationError', 'mapAsync: the buffer cannot be mapped.');
    this.#isPending = true;
    const aborted = new Promise<never>((_, reject) => {
      this.#abort = reject;
    });
    const read = this.#device.read(range.address, size);
    const data = await Promise.race([read, aborted, this.#device.ended]);
    this.#abort = undefined;
    this.#isPending = false;
    this.#mapping = this.#newMapping(offset, size, mode === MAP_WRITE, data);
    return undefined;
  }

  getMappedRange(offset = 0, size = Math.max(0, this.size - offset)): ArrayBuffer {
    const mapping = this.#mapping;
    const refuse = (why: string) => domException('OperationError', `getMappedRange: ${why}.`);
    if (!mapping) throw refuse('the buffer is not mapped');
    if (offset % 8 !== 0 || size % 4 !== 0)
      throw refuse('offset must be a multiple of 8, and size of 4');
    const { data } = mapping;
    const start = offset - mapping.offset;
    if (start < 0 || start + size > data.length)
      throw refuse(`${offset} + ${size} bytes are outside of what is mapped`);
    const overlaps = mapping.ranges.some(
      (r) => offset < r.offset + r.bytes.byteLength && r.offset < offset + size,
    );
    if (overlaps) throw refuse('the range overlaps one that was taken already');
    const bytes = data.slice(start, start + size).buffer;
    mapping.ranges.push({ offset, bytes });
    return bytes;
  }

  unmap(): undefined {
    this.#abort?.(domException('AbortError', 'mapAsync: the buffer was unmapped meanwhile.'));
    this.#abort = undefined;
    this.#isPending = false;
    const mapping = this.#mapping;
    this.#mapping = undefined;
    for (const { offset, bytes } of mapping?.ranges ?? []) {
      if (mapping!.isWritten && this.#address !== undefined)
        this.#device.write(this.#address + offset, new Uint8Array(bytes));
      // Whoever holds the range must not think that it still is the buffer.
      structuredClone(bytes, { transfer: [bytes] });
    }
    return undefined;
  }

  #newMapping(
    offset: number,
    size: number,
    isWritten: boolean,
    data: ArrayBuffer | undefined,
  ): Mapping {
    return { offset, data: new Uint8Array(data ?? new ArrayBuffer(size)), isWritten, ranges: [] };
  }

  #validate(): void {
    const { size, usage } = this;
    const most = this.#device.limits.maxBufferSize;
    ensure(Number.isInteger(size) && size >= 0, () => `size is ${size}`);
    ensure(size <= most, () => `size ${size} is past maxBufferSize, ${most}`);
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

/** Our buffer behind a GPUBuffer. @throws TypeError where it is another device's. */
export function asBuffer(buffer: GPUBuffer): CpuBuffer {
  if (buffer instanceof CpuBuffer) return buffer;
  throw new TypeError('This buffer was not made by a CPU device.');
}
