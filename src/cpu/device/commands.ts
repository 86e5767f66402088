/** Command encoders, compute passes, command buffers and query sets. */

import type { Command } from '../threads/executor.js';
import { CpuBindGroup, type LayoutEntry, offsetAlignment } from './bindings.js';
import { asBuffer, type CpuBuffer } from './buffer.js';
import type { CpuDevice } from './device.js';
import { checkOwner, ensure, named, Refusal, titled } from './errors.js';
import { USAGE } from './limits.js';
import { bytesIn, MAX_U32, oneOf, unsigned } from './numbers.js';
import { CpuComputePipeline, leastBytes, type PipelineContent } from './pipeline.js';

/** What a submit must find usable: buffers, bind groups, query sets. */
interface Usable {
  /** @throws Refusal where it is not. */
  checkUsable(): void;
}

/** What a command buffer does, and what must be usable when it is submitted. */
export interface CommandBufferContent {
  readonly commands: readonly Command[];
  readonly used: ReadonlySet<Usable>;
}

/** Commands that are encoded and not submitted yet. */
export class CpuCommandBuffer implements GPUCommandBuffer {
  declare readonly __brand: 'GPUCommandBuffer';
  label: string;
  readonly device: CpuDevice;
  /** `undefined` where it is invalid, or was submitted. */
  content: CommandBufferContent | undefined;

  constructor(device: CpuDevice, label: string, content: CommandBufferContent | undefined) {
    this.device = device;
    this.label = label;
    this.content = content;
  }
}

const STAMP_BYTES = 8;
const MAX_QUERIES = 4096;
const QUERY_TYPES: readonly GPUQueryType[] = ['occlusion', 'timestamp'];

/** Times that passes write. */
export class CpuQuerySet implements GPUQuerySet {
  declare readonly __brand: 'GPUQuerySet';
  label: string;
  readonly type: GPUQueryType;
  readonly count: number;
  readonly device: CpuDevice;
  readonly #address: number | undefined;
  #isDestroyed = false;

  /** @throws TypeError where the descriptor is not one, or the device was not asked for timestamps. */
  constructor(device: CpuDevice, descriptor: GPUQuerySetDescriptor) {
    this.device = device;
    this.label = descriptor.label ?? '';
    this.type = oneOf(descriptor.type, QUERY_TYPES, 'type');
    this.count = unsigned(descriptor.count, 'count', MAX_U32);
    if (this.type === 'timestamp' && !device.features.has('timestamp-query'))
      throw new TypeError('createQuerySet: the feature timestamp-query was not asked for.');
    this.#address = device.errors.attempt(named('createQuerySet', this.label), () => {
      ensure(this.type === 'timestamp', () => 'a device that does not draw counts no occlusion');
      ensure(this.count <= MAX_QUERIES, () => `${this.count} queries are past ${MAX_QUERIES}`);
      return device.allocate(STAMP_BYTES * this.count);
    });
  }

  /** Where a query's time is. @throws Refusal where the set is invalid or another device's. */
  address(device: CpuDevice, index: number): number {
    checkOwner(device, this, 'query set');
    if (this.#address !== undefined) return this.#address + STAMP_BYTES * index;
    throw new Refusal(`${titled('query set', this.label)} is invalid`);
  }

  /** @throws Refusal where it is destroyed. */
  checkUsable(): void {
    if (this.#isDestroyed) throw new Refusal(`${titled('query set', this.label)} is destroyed`);
  }

  destroy(): undefined {
    if (this.#address !== undefined && !this.#isDestroyed) this.device.release(this.#address);
    this.#isDestroyed = true;
    return undefined;
  }
}

/** @throws TypeError where the set is not one of a CPU device. */
function asQuerySet(querySet: GPUQuerySet): CpuQuerySet {
  if (querySet instanceof CpuQuerySet) return querySet;
  throw new TypeError('This query set was not made by a CPU device.');
}

/** Encodes commands. The first that is refused makes the command buffer invalid. */
export class CpuCommandEncoder implements GPUCommandEncoder {
  declare readonly __brand: 'GPUCommandEncoder';
  label: string;
  readonly #device: CpuDevice;
  readonly #commands: Command[] = [];
  readonly #used = new Set<Usable>();
  #pass: CpuComputePassEncoder | undefined;
  #isFinished = false;
  #debugGroups = 0;
  /** The first call that was refused: the command buffer will be invalid. */
  #refusal: string | undefined;

  constructor(device: CpuDevice, descriptor: GPUCommandEncoderDescriptor = {}) {
    this.#device = device;
    this.label = descriptor.label ?? '';
  }

  beginComputePass(descriptor: GPUComputePassDescriptor = {}): GPUComputePassEncoder {
    const { label = '', timestampWrites } = descriptor;
    const stamps = timestampWrites && readTimestampWrites(timestampWrites);
    const pass = new CpuComputePassEncoder(this.#device, this, label, stamps);
    this.#note('beginComputePass', () => {
      this.#pass = pass;
      if (stamps) this.#beginStamps(stamps);
    });
    return pass;
  }

  #beginStamps({ querySet, first, last }: TimestampWrites): void {
    querySet.address(this.#device, 0);
    ensure(first !== undefined || last !== undefined, () => 'no query is given to write to');
    ensure(first !== last, () => `query ${first} would be written twice`);
    for (const index of [first, last])
      ensure(
        index === undefined || index < querySet.count,
        () => `query ${index} is past ${querySet.count - 1}`,
      );
    this.use(querySet);
    this.stamp(querySet, first);
  }

  copyBufferToBuffer(source: GPUBuffer, ...rest: unknown[]): undefined {
    const { from, to, sourceOffset, destinationOffset, size } = copyArguments(source, rest);
    return this.#note('copyBufferToBuffer', () => {
      from.checkValid(this.#device);
      to.checkValid(this.#device);
      from.checkUsage(USAGE.COPY_SRC, 'COPY_SRC');
      to.checkUsage(USAGE.COPY_DST, 'COPY_DST');
      ensure(from !== to, () => 'source and destination are the same buffer');
      for (const [name, value] of Object.entries({ sourceOffset, destinationOffset, size }))
        ensure(value % 4 === 0, () => `${name} ${value} is not a multiple of 4`);
      ensure(
        sourceOffset + size <= from.size,
        () => `${sourceOffset} + ${size} bytes are past the source's ${from.size}`,
      );
      ensure(
        destinationOffset + size <= to.size,
        () => `${destinationOffset} + ${size} bytes are past the destination's ${to.size}`,
      );
      this.use(from);
      this.use(to);
      this.record({
        kind: 'copy',
        from: from.address + sourceOffset,
        to: to.address + destinationOffset,
        bytes: size,
      });
    });
  }

  clearBuffer(buffer: GPUBuffer, offset?: number, size?: number): undefined {
    const to = asBuffer(buffer);
    const start = unsigned(offset ?? 0, 'offset');
    const bytes = size === undefined ? Math.max(0, to.size - start) : unsigned(size, 'size');
    return this.#note('clearBuffer', () => {
      to.checkValid(this.#device);
      to.checkUsage(USAGE.COPY_DST, 'COPY_DST');
      ensure(start % 4 === 0 && bytes % 4 === 0, () => 'offset and size must be multiples of 4');
      ensure(
        start + bytes <= to.size,
        () => `${start} + ${bytes} bytes are past the buffer's ${to.size}`,
      );
      this.use(to);
      this.record({ kind: 'clear', to: to.address + start, bytes });
    });
  }

  resolveQuerySet(
    querySet: GPUQuerySet,
    firstQuery: number,
    queryCount: number,
    destination: GPUBuffer,
    destinationOffset: number,
  ): undefined {
    const queries = asQuerySet(querySet);
    const first = unsigned(firstQuery, 'firstQuery', MAX_U32);
    const count = unsigned(queryCount, 'queryCount', MAX_U32);
    const to = asBuffer(destination);
    const offset = unsigned(destinationOffset, 'destinationOffset');
    return this.#note('resolveQuerySet', () => {
      const from = queries.address(this.#device, first);
      const bytes = STAMP_BYTES * count;
      to.checkValid(this.#device);
      to.checkUsage(USAGE.QUERY_RESOLVE, 'QUERY_RESOLVE');
      ensure(
        first < queries.count && first + count <= queries.count,
        () => `${first} + ${count} queries are past the set's ${queries.count}`,
      );
      ensure(offset % 256 === 0, () => `destinationOffset ${offset} is not a multiple of 256`);
      ensure(
        offset + bytes <= to.size,
        () => `${offset} + ${bytes} bytes are past the buffer's ${to.size}`,
      );
      this.use(queries);
      this.use(to);
      this.record({ kind: 'copy', from, to: to.address + offset, bytes });
    });
  }

  finish(descriptor: GPUCommandBufferDescriptor = {}): GPUCommandBuffer {
    const content = this.#device.errors.attempt(named('finish', this.label), () => {
      ensure(!this.#isFinished, () => 'the encoder is finished already');
      ensure(this.#pass === undefined, () => 'a compute pass was not ended');
      ensure(this.#refusal === undefined, () => this.#refusal!);
      ensure(this.#debugGroups === 0, () => 'a debug group was not popped');
      return { commands: this.#commands, used: this.#used };
    });
    this.#isFinished = true;
    return new CpuCommandBuffer(this.#device, descriptor.label ?? '', content);
  }

  pushDebugGroup(_: string): undefined {
    return this.#note('pushDebugGroup', () => {
      this.#debugGroups++;
    });
  }

  popDebugGroup(): undefined {
    return this.#note('popDebugGroup', () => {
      ensure(this.#debugGroups > 0, () => 'no debug group is open');
      this.#debugGroups--;
    });
  }

  insertDebugMarker(_: string): undefined {
    return this.#note('insertDebugMarker', () => {});
  }

  beginRenderPass(): never {
    throw new TypeError('beginRenderPass: a CPU device computes only; it does not draw.');
  }

  copyBufferToTexture(): never {
    throw noTextures('copyBufferToTexture');
  }

  copyTextureToBuffer(): never {
    throw noTextures('copyTextureToBuffer');
  }

  copyTextureToTexture(): never {
    throw noTextures('copyTextureToTexture');
  }

  #note(call: string, run: () => void): undefined {
    return this.note(call, () => {
      ensure(this.#pass === undefined, () => 'a compute pass is open');
      run();
    });
  }

  /** Runs a call's checks; the first that refuses makes the command buffer invalid. For passes, too. */
  note(call: string, run: () => void): undefined {
    if (this.#isFinished) {
      this.refuse(call, 'the encoder is finished');
      return undefined;
    }
    try {
      run();
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.#refusal ??= `${call}: ${error.message}`;
    }
    return undefined;
  }

  /** Refuses a call that comes too late to make the command buffer invalid: it is an error by itself. */
  refuse(call: string, why: string): void {
    this.#device.errors.refuse(named(call, this.label), why);
  }

  record(command: Command): void {
    this.#commands.push(command);
  }

  use(used: Usable): void {
    this.#used.add(used);
  }

  stamp(querySet: CpuQuerySet, index: number | undefined): void {
    if (index !== undefined)
      this.record({ kind: 'stamp', to: querySet.address(this.#device, index) });
  }

  /** Closes a pass, where it is the one that is open. */
  endPass(pass: CpuComputePassEncoder): void {
    if (this.#pass === pass) this.#pass = undefined;
  }
}

function noTextures(call: string): TypeError {
  return new TypeError(`${call}: a CPU device has no textures.`);
}

/** The queries that a pass writes its times to: when it begins, and when it ends. */
interface TimestampWrites {
  readonly querySet: CpuQuerySet;
  readonly first: number | undefined;
  readonly last: number | undefined;
}

function readTimestampWrites(given: GPUComputePassTimestampWrites): TimestampWrites {
  const index = (value: number | undefined, name: string) =>
    value === undefined ? undefined : unsigned(value, name, MAX_U32);
  return {
    querySet: asQuerySet(given.querySet),
    first: index(given.beginningOfPassWriteIndex, 'beginningOfPassWriteIndex'),
    last: index(given.endOfPassWriteIndex, 'endOfPassWriteIndex'),
  };
}

/** (source, destination, size?) or (source, sourceOffset, destination, destinationOffset, size?) */
function copyArguments(source: GPUBuffer, rest: readonly unknown[]) {
  const isShort = typeof rest[0] === 'object';
  const [start, destination, end, bytes] = isShort ? [0, rest[0], 0, rest[1]] : rest;
  const from = asBuffer(source);
  const to = asBuffer(destination as GPUBuffer);
  const sourceOffset = unsigned(start, 'sourceOffset');
  const destinationOffset = unsigned(end, 'destinationOffset');
  const size =
    bytes === undefined ? Math.max(0, from.size - sourceOffset) : unsigned(bytes, 'size');
  return { from, to, sourceOffset, destinationOffset, size };
}

interface SetGroup {
  readonly group: CpuBindGroup;
  readonly offsets: readonly number[];
}

const NO_OFFSETS: readonly number[] = [];
const IMMEDIATE_WORDS = 16;
/** Workgroups of one dispatch are counted in 32 bits, with room for what threads take beyond the last. */
const MAX_WORKGROUPS = 2 ** 30;

/** Encodes dispatches. */
export class CpuComputePassEncoder implements GPUComputePassEncoder {
  declare readonly __brand: 'GPUComputePassEncoder';
  label: string;
  readonly #device: CpuDevice;
  readonly #encoder: CpuCommandEncoder;
  readonly #stamps: TimestampWrites | undefined;
  readonly #immediates = new Int32Array(IMMEDIATE_WORDS);
  readonly #immediateBytes = new Uint8Array(this.#immediates.buffer);
  /** Bit n: the n-th word was set in this pass. */
  #immediatesSet = 0;
  #pipeline: PipelineContent | undefined;
  readonly #groups: (SetGroup | undefined)[] = [];
  #debugGroups = 0;
  #isEnded = false;

  constructor(
    device: CpuDevice,
    encoder: CpuCommandEncoder,
    label: string,
    stamps: TimestampWrites | undefined,
  ) {
    this.#device = device;
    this.#encoder = encoder;
    this.label = label;
    this.#stamps = stamps;
  }

  setPipeline(pipeline: GPUComputePipeline): undefined {
    if (!(pipeline instanceof CpuComputePipeline))
      throw new TypeError('This pipeline was not made by a CPU device.');
    return this.#note('setPipeline', () => {
      checkOwner(this.#device, pipeline, 'compute pipeline');
      this.#pipeline = pipeline.content;
    });
  }

  /** @throws TypeError where an argument is of the wrong type, RangeError where offsets are taken past their end. */
  setBindGroup(
    index: number,
    bindGroup: GPUBindGroup | null | undefined,
    offsets?: Iterable<number>,
    start?: number,
    length?: number,
  ): undefined {
    const group = unsigned(index, 'index', MAX_U32);
    if (bindGroup && !(bindGroup instanceof CpuBindGroup))
      throw new TypeError('This bind group was not made by a CPU device.');
    const given = offsets ? readOffsets(offsets, start, length) : NO_OFFSETS;
    return this.#note('setBindGroup', () => {
      const most = this.#device.limits.maxBindGroups;
      ensure(group < most, () => `group ${group} is past the limit, ${most - 1}`);
      if (!bindGroup) {
        ensure(given.length === 0, () => 'dynamic offsets are given without a group');
        this.#groups[group] = undefined;
        return;
      }
      checkOwner(this.#device, bindGroup, 'bind group');
      this.#checkOffsets(bindGroup, given);
      this.#encoder.use(bindGroup);
      this.#groups[group] = { group: bindGroup, offsets: given };
    });
  }

  #checkOffsets(group: CpuBindGroup, offsets: readonly number[]): void {
    const { dynamic } = group.content;
    ensure(
      dynamic.length === offsets.length,
      () => `${offsets.length} dynamic offsets are given for ${dynamic.length} bindings`,
    );
    for (const [n, { entry, buffer, offset, size }] of dynamic.entries()) {
      const own = offsets[n]!;
      const align = offsetAlignment(this.#device, entry);
      ensure(own % align === 0, () => `dynamic offset ${own} is not a multiple of ${align}`);
      ensure(
        own + offset + size <= buffer.size,
        () => `dynamic offset ${own} leads past the buffer's ${buffer.size}`,
      );
    }
  }

  /** @throws TypeError where the data is none, OperationError where more of it is asked for than there is. */
  setImmediates(
    rangeOffset: number,
    data: ArrayBufferView | ArrayBufferLike,
    dataOffset = 0,
    dataSize?: number,
  ): undefined {
    const offset = unsigned(rangeOffset, 'rangeOffset', MAX_U32);
    const bytes = bytesIn(data, dataOffset, dataSize, 'setImmediates');
    return this.#note('setImmediates', () => {
      ensure(
        offset % 4 === 0 && bytes.length % 4 === 0,
        () => 'offset and size must be multiples of 4',
      );
      const most = this.#device.limits.maxImmediateSize;
      ensure(
        offset + bytes.length <= most,
        () => `${offset} + ${bytes.length} bytes are past ${most}`,
      );
      this.#immediateBytes.set(bytes, offset);
      this.#immediatesSet |= ((1 << (bytes.length / 4)) - 1) << (offset / 4);
    });
  }

  dispatchWorkgroups(countX: number, countY = 1, countZ = 1): undefined {
    const x = unsigned(countX, 'workgroupCountX', MAX_U32);
    const y = unsigned(countY, 'workgroupCountY', MAX_U32);
    const z = unsigned(countZ, 'workgroupCountZ', MAX_U32);
    return this.#note('dispatchWorkgroups', () => {
      const pipeline = this.#pipeline;
      ensure(pipeline !== undefined, () => 'no pipeline is set');
      const most = this.#device.limits.maxComputeWorkgroupsPerDimension;
      ensure(
        x <= most && y <= most && z <= most,
        () => `${Math.max(x, y, z)} workgroups are past ${most}`,
      );
      const total = x * y * z;
      if (total > MAX_WORKGROUPS)
        throw new Refusal(`this device runs at most ${MAX_WORKGROUPS} workgroups at once`);
      const missing = pipeline.immediateWords & ~this.#immediatesSet;
      if (missing !== 0)
        throw new Refusal(`word ${firstBit(missing)} of the immediates was not set`);
      const slots = this.#slots(pipeline);
      if (total === 0) return;
      const immediates = this.#immediates.slice(0, pipeline.kernel.immediateBytes / 4);
      const { executable } = pipeline;
      this.#encoder.record({ kind: 'run', kernel: executable, slots, immediates, grid: [x, y, z] });
    });
  }

  /**
   * Address and size of each of the kernel's bindings.
   *
   * @throws Refusal where a group is missing or of another layout, a binding too small, or a buffer used in two ways.
   */
  #slots(pipeline: PipelineContent): readonly number[] {
    const [only, ...others] = this.#groups;
    // One group without dynamic offsets, as here nearly always: looked at once for each pipeline.
    if (!only || only.offsets.length > 0 || pipeline.groups.length > 1 || others.some((o) => o))
      return resolve(pipeline, this.#groups);
    const known = only.group.resolved.get(pipeline);
    if (known) return known;
    const slots = resolve(pipeline, this.#groups);
    only.group.resolved.set(pipeline, slots);
    return slots;
  }

  dispatchWorkgroupsIndirect(): never {
    throw new TypeError('dispatchWorkgroupsIndirect: a CPU device does not have it.');
  }

  end(): undefined {
    this.#note('end', () => {
      this.#encoder.endPass(this);
      ensure(this.#debugGroups === 0, () => 'a debug group was not popped');
      if (this.#stamps) this.#encoder.stamp(this.#stamps.querySet, this.#stamps.last);
    });
    this.#isEnded = true;
    return undefined;
  }

  pushDebugGroup(_: string): undefined {
    return this.#note('pushDebugGroup', () => {
      this.#debugGroups++;
    });
  }

  popDebugGroup(): undefined {
    return this.#note('popDebugGroup', () => {
      ensure(this.#debugGroups > 0, () => 'no debug group is open');
      this.#debugGroups--;
    });
  }

  insertDebugMarker(_: string): undefined {
    return this.#note('insertDebugMarker', () => {});
  }

  #note(call: string, run: () => void): undefined {
    if (!this.#isEnded) return this.#encoder.note(call, run);
    this.#encoder.refuse(call, 'the pass is ended');
    return undefined;
  }
}

/** Which bit is the lowest that is set. */
function firstBit(bits: number): number {
  return 31 - Math.clz32(bits & -bits);
}

/** @throws TypeError where an offset is not one, RangeError where more are asked for than there are. */
function readOffsets(
  offsets: Iterable<number>,
  start: number | undefined,
  length: number | undefined,
): number[] {
  const all = [...offsets];
  if (start === undefined && length === undefined)
    return all.map((offset) => unsigned(offset, 'A dynamic offset', MAX_U32));
  const from = unsigned(start, 'dynamicOffsetsDataStart');
  const count = unsigned(length, 'dynamicOffsetsDataLength', MAX_U32);
  if (from + count > all.length)
    throw new RangeError(
      `setBindGroup: dynamic offsets ${from} to ${from + count} are past the ${all.length} given.`,
    );
  return all.slice(from, from + count);
}

/** A bound range with its dynamic offset added. */
interface Placed {
  readonly entry: LayoutEntry;
  readonly buffer: CpuBuffer;
  readonly start: number;
  readonly size: number;
}

function resolve(
  { kernel, groups }: PipelineContent,
  set: readonly (SetGroup | undefined)[],
): number[] {
  const placed = groups.map((layout, n): readonly Placed[] => {
    if (layout.entries.length === 0) return [];
    const own = set[n];
    ensure(own !== undefined, () => `group ${n} is not set`);
    ensure(
      own.group.content.layout.isCompatible(layout),
      () => `group ${n} is of another layout than the pipeline's`,
    );
    const { bound, dynamic } = own.group.content;
    return bound.map((each) => {
      const moved = own.offsets[dynamic.indexOf(each)] ?? 0;
      return { ...each, start: each.offset + moved };
    });
  });
  checkUses(placed.flat());
  return kernel.bindings.flatMap(({ group, binding, variable }) => {
    const { buffer, start, size } = placed[group]!.find(({ entry }) => entry.binding === binding)!;
    const least = leastBytes(variable.type);
    ensure(
      size >= least,
      () => `binding ${binding} has ${size} bytes, and ${variable.name} needs ${least}`,
    );
    return [buffer.address + start, size];
  });
}

/** @throws Refusal where a buffer is bound to be read and to be written, or twice to be written at the same place. */
function checkUses(placed: readonly Placed[]): void {
  for (const [n, written] of placed.entries()) {
    if (written.entry.type !== 'storage') continue;
    const { binding } = written.entry;
    for (const [m, other] of placed.entries()) {
      if (m === n || other.buffer !== written.buffer) continue;
      ensure(
        other.entry.type === 'storage',
        () => `bindings ${other.entry.binding} and ${binding} read and write the same buffer`,
      );
      ensure(
        other.start + other.size <= written.start || written.start + written.size <= other.start,
        () => `bindings ${other.entry.binding} and ${binding} write the same part of a buffer`,
      );
    }
  }
}
