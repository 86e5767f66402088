/** Command encoders, compute passes, command buffers and query sets. */

import type { Command } from '../threads/executor.js';
import { CpuBindGroup } from './bindings.js';
import { asBuffer, type CpuBuffer } from './buffer.js';
import type { CpuDevice } from './device.js';
import { ensure, named, Refusal } from './errors.js';
import { USAGE } from './limits.js';
import { CpuComputePipeline, leastBytes, type PipelineContent } from './pipeline.js';

/** What a command buffer does, and what must be usable when it is submitted. */
export interface CommandBufferContent {
  readonly commands: readonly Command[];
  readonly buffers: ReadonlySet<CpuBuffer>;
  readonly groups: ReadonlySet<CpuBindGroup>;
}

export class CpuCommandBuffer implements GPUCommandBuffer {
  declare readonly __brand: 'GPUCommandBuffer';
  label: string;
  /** `undefined` where it is invalid, or was submitted. */
  content: CommandBufferContent | undefined;

  constructor(label: string, content: CommandBufferContent | undefined) {
    this.label = label;
    this.content = content;
  }
}

const STAMP_BYTES = 8;

export class CpuQuerySet implements GPUQuerySet {
  declare readonly __brand: 'GPUQuerySet';
  label: string;
  readonly type: GPUQueryType;
  readonly count: number;
  readonly #device: CpuDevice;
  #address: number | undefined;

  constructor(device: CpuDevice, descriptor: GPUQuerySetDescriptor) {
    this.#device = device;
    this.label = descriptor.label ?? '';
    this.type = descriptor.type;
    this.count = descriptor.count;
    this.#address = device.errors.attempt(named('createQuerySet', this.label), () => {
      ensure(this.type === 'timestamp', () => `type "${this.type}" is not supported`);
      ensure(
        device.features.has('timestamp-query'),
        () => 'the feature timestamp-query was not asked for',
      );
      ensure(this.count <= 4096, () => `${this.count} queries are past 4096`);
      return device.allocate(STAMP_BYTES * this.count);
    });
  }

  /** The address of one query. @throws Refusal where the set is invalid or destroyed. */
  address(index: number): number {
    if (this.#address === undefined) throw new Refusal(`query set "${this.label}" is invalid`);
    return this.#address + STAMP_BYTES * index;
  }

  destroy(): undefined {
    if (this.#address !== undefined) this.#device.release(this.#address);
    this.#address = undefined;
    return undefined;
  }
}

export class CpuCommandEncoder implements GPUCommandEncoder {
  declare readonly __brand: 'GPUCommandEncoder';
  label: string;
  readonly #device: CpuDevice;
  readonly #commands: Command[] = [];
  readonly #buffers = new Set<CpuBuffer>();
  readonly #groups = new Set<CpuBindGroup>();
  #pass: CpuComputePassEncoder | undefined;
  #isFinished = false;
  /** The first call that was refused: the command buffer will be invalid. */
  #refusal: string | undefined;

  constructor(device: CpuDevice, descriptor: GPUCommandEncoderDescriptor = {}) {
    this.#device = device;
    this.label = descriptor.label ?? '';
  }

  beginComputePass(descriptor: GPUComputePassDescriptor = {}): GPUComputePassEncoder {
    const pass = new CpuComputePassEncoder(this.#device, this, descriptor.label ?? '');
    this.note('beginComputePass', () => {
      this.#pass = pass;
      const { timestampWrites } = descriptor;
      if (!timestampWrites) return;
      const { beginningOfPassWriteIndex, endOfPassWriteIndex } = timestampWrites;
      const querySet = timestampWrites.querySet as CpuQuerySet;
      for (const index of [beginningOfPassWriteIndex, endOfPassWriteIndex])
        ensure(
          index === undefined || index < querySet.count,
          () => `query ${index} is past ${querySet.count}`,
        );
      const stamp = (index: number | undefined) => {
        if (index !== undefined) this.record({ kind: 'stamp', to: querySet.address(index) });
      };
      querySet.address(0);
      stamp(beginningOfPassWriteIndex);
      pass.atEnd = () => stamp(endOfPassWriteIndex);
    });
    return pass;
  }

  copyBufferToBuffer(source: GPUBuffer, ...rest: unknown[]): undefined {
    const [sourceOffset, destination, destinationOffset, size] = copyArguments(source, rest);
    return this.note('copyBufferToBuffer', () => {
      const [from, to] = [asBuffer(source), asBuffer(destination)];
      from.address();
      to.address();
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
      this.use(from, to);
      this.record({
        kind: 'copy',
        from: from.address() + sourceOffset,
        to: to.address() + destinationOffset,
        bytes: size,
      });
    });
  }

  clearBuffer(buffer: GPUBuffer, offset = 0, size?: number): undefined {
    return this.note('clearBuffer', () => {
      const to = asBuffer(buffer);
      const bytes = size ?? to.size - offset;
      to.address();
      to.checkUsage(USAGE.COPY_DST, 'COPY_DST');
      ensure(offset % 4 === 0 && bytes % 4 === 0, () => 'offset and size must be multiples of 4');
      ensure(
        bytes >= 0 && offset + bytes <= to.size,
        () => `${offset} + ${bytes} bytes are past the buffer's ${to.size}`,
      );
      this.use(to);
      this.record({ kind: 'clear', to: to.address() + offset, bytes });
    });
  }

  resolveQuerySet(
    querySet: GPUQuerySet,
    first: number,
    count: number,
    destination: GPUBuffer,
    offset: number,
  ): undefined {
    return this.note('resolveQuerySet', () => {
      const queries = querySet as CpuQuerySet;
      const to = asBuffer(destination);
      const bytes = STAMP_BYTES * count;
      queries.address(0);
      to.address();
      to.checkUsage(USAGE.QUERY_RESOLVE, 'QUERY_RESOLVE');
      ensure(
        first + count <= queries.count,
        () => `queries ${first} to ${first + count - 1} are past ${queries.count}`,
      );
      ensure(offset % 256 === 0, () => `destinationOffset ${offset} is not a multiple of 256`);
      ensure(
        offset + bytes <= to.size,
        () => `${offset} + ${bytes} bytes are past the buffer's ${to.size}`,
      );
      this.use(to);
      this.record({
        kind: 'copy',
        from: queries.address(first),
        to: to.address() + offset,
        bytes,
      });
    });
  }

  finish(descriptor: GPUCommandBufferDescriptor = {}): GPUCommandBuffer {
    const content = this.#device.errors.attempt(named('finish', this.label), () => {
      ensure(!this.#isFinished, () => 'the encoder is finished already');
      ensure(this.#pass === undefined, () => 'a compute pass was not ended');
      ensure(this.#refusal === undefined, () => this.#refusal!);
      return { commands: this.#commands, buffers: this.#buffers, groups: this.#groups };
    });
    this.#isFinished = true;
    return new CpuCommandBuffer(descriptor.label ?? '', content);
  }

  pushDebugGroup(_: string): undefined {
    return undefined;
  }

  popDebugGroup(): undefined {
    return undefined;
  }

  insertDebugMarker(_: string): undefined {
    return undefined;
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

  /** Runs a call's checks; the first that refuses makes the command buffer invalid. For passes, too. */
  note(call: string, run: () => void, isOfPass = false): undefined {
    try {
      ensure(!this.#isFinished, () => 'the encoder is finished');
      ensure(isOfPass || this.#pass === undefined, () => 'a compute pass is open');
      run();
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.#refusal ??= `${call}: ${error.message}`;
    }
    return undefined;
  }

  record(command: Command): void {
    this.#commands.push(command);
  }

  use(...buffers: readonly CpuBuffer[]): void {
    for (const buffer of buffers) this.#buffers.add(buffer);
  }

  useGroup(group: CpuBindGroup): void {
    this.#groups.add(group);
  }

  endPass(): void {
    this.#pass = undefined;
  }
}

function noTextures(call: string): TypeError {
  return new TypeError(`${call}: a CPU device has no textures.`);
}

/** (source, destination, size?) or (source, sourceOffset, destination, destinationOffset, size?) */
function copyArguments(
  source: GPUBuffer,
  rest: readonly unknown[],
): [number, GPUBuffer, number, number] {
  if (typeof rest[0] !== 'number') {
    const [destination, size] = rest as [GPUBuffer, number | undefined];
    return [0, destination, 0, size ?? source.size];
  }
  const [sourceOffset, destination, destinationOffset, size] = rest as [
    number,
    GPUBuffer,
    number,
    number | undefined,
  ];
  return [sourceOffset, destination, destinationOffset, size ?? source.size - sourceOffset];
}

interface SetGroup {
  readonly group: CpuBindGroup;
  readonly offsets: readonly number[];
}

const NO_OFFSETS: readonly number[] = [];

export class CpuComputePassEncoder implements GPUComputePassEncoder {
  declare readonly __brand: 'GPUComputePassEncoder';
  label: string;
  atEnd: () => void = () => {};
  readonly #device: CpuDevice;
  readonly #encoder: CpuCommandEncoder;
  readonly #immediates = new Int32Array(16);
  readonly #immediateBytes = new Uint8Array(this.#immediates.buffer);
  #pipeline: PipelineContent | undefined;
  readonly #groups: (SetGroup | undefined)[] = [];
  #isEnded = false;

  constructor(device: CpuDevice, encoder: CpuCommandEncoder, label: string) {
    this.#device = device;
    this.#encoder = encoder;
    this.label = label;
  }

  setPipeline(pipeline: GPUComputePipeline): undefined {
    return this.#note('setPipeline', () => {
      ensure(
        pipeline instanceof CpuComputePipeline,
        () => 'the pipeline is not one of a CPU device',
      );
      this.#pipeline = pipeline.content;
    });
  }

  setBindGroup(
    index: number,
    bindGroup: GPUBindGroup | null | undefined,
    offsets?: Iterable<number>,
    start = 0,
    length?: number,
  ): undefined {
    return this.#note('setBindGroup', () => {
      const { limits } = this.#device;
      ensure(
        index < limits.maxBindGroups,
        () => `group ${index} is past ${limits.maxBindGroups - 1}`,
      );
      if (!bindGroup) {
        this.#groups[index] = undefined;
        return;
      }
      ensure(bindGroup instanceof CpuBindGroup, () => 'the bind group is not one of a CPU device');
      const all = offsets ? [...offsets] : NO_OFFSETS;
      const given = length === undefined ? all : all.slice(start, start + length);
      this.#checkOffsets(bindGroup, given);
      this.#encoder.useGroup(bindGroup);
      this.#groups[index] = { group: bindGroup, offsets: given };
    });
  }

  #checkOffsets(group: CpuBindGroup, offsets: readonly number[]): void {
    const { limits } = this.#device;
    const { dynamic } = group.content;
    ensure(
      dynamic.length === offsets.length,
      () => `${offsets.length} dynamic offsets are given for ${dynamic.length} bindings`,
    );
    for (const [n, { entry, buffer, offset, size }] of dynamic.entries()) {
      const own = offsets[n]!;
      const isUniform = entry.type === 'uniform';
      const align = isUniform
        ? limits.minUniformBufferOffsetAlignment
        : limits.minStorageBufferOffsetAlignment;
      ensure(own % align === 0, () => `dynamic offset ${own} is not a multiple of ${align}`);
      ensure(
        own + offset + size <= buffer.size,
        () => `dynamic offset ${own} leads past the buffer's ${buffer.size}`,
      );
    }
  }

  setImmediates(
    rangeOffset: number,
    data: ArrayBufferView | ArrayBufferLike,
    dataOffset = 0,
    dataSize?: number,
  ): undefined {
    return this.#note('setImmediates', () => {
      const bytes = bytesOf(data, dataOffset, dataSize);
      ensure(
        rangeOffset % 4 === 0 && bytes.length % 4 === 0,
        () => 'offset and size must be multiples of 4',
      );
      const most = this.#device.limits.maxImmediateSize;
      ensure(
        rangeOffset + bytes.length <= most,
        () => `${rangeOffset} + ${bytes.length} bytes are past ${most}`,
      );
      this.#immediateBytes.set(bytes, rangeOffset);
    });
  }

  dispatchWorkgroups(x: number, y = 1, z = 1): undefined {
    return this.#note('dispatchWorkgroups', () => {
      const pipeline = this.#pipeline;
      ensure(pipeline !== undefined, () => 'no pipeline is set');
      const most = this.#device.limits.maxComputeWorkgroupsPerDimension;
      ensure(
        x <= most && y <= most && z <= most,
        () => `${Math.max(x, y, z)} workgroups are past ${most}`,
      );
      const slots = this.#slots(pipeline);
      if (x * y * z === 0) return;
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
      this.atEnd();
      this.#encoder.endPass();
    });
    this.#isEnded = true;
    return undefined;
  }

  pushDebugGroup(_: string): undefined {
    return undefined;
  }

  popDebugGroup(): undefined {
    return undefined;
  }

  insertDebugMarker(_: string): undefined {
    return undefined;
  }

  #note(call: string, run: () => void): undefined {
    return this.#encoder.note(
      call,
      () => {
        ensure(!this.#isEnded, () => 'the pass is ended');
        run();
      },
      true,
    );
  }
}

function resolve(
  { kernel, groups }: PipelineContent,
  set: readonly (SetGroup | undefined)[],
): number[] {
  for (const [n, layout] of groups.entries()) {
    const own = set[n];
    if (layout.entries.length === 0 && !own) continue;
    ensure(own !== undefined, () => `group ${n} is not set`);
    ensure(
      own.group.content.layout.isCompatible(layout),
      () => `group ${n} is of another layout than the pipeline's`,
    );
  }
  const bound = groups.flatMap((_, n) => set[n]?.group.content.bound ?? []);
  const written = new Set(bound.filter((b) => b.entry.type === 'storage').map((b) => b.buffer));
  const readAsWell = bound.find((b) => b.entry.type !== 'storage' && written.has(b.buffer));
  ensure(
    !readAsWell,
    () =>
      `a buffer is bound both to be read (binding ${readAsWell!.entry.binding}) and to be written`,
  );
  return kernel.bindings.flatMap(({ group, binding, variable }) => {
    const { group: own, offsets } = set[group]!;
    const { bound: all, dynamic } = own.content;
    const here = all.find(({ entry }) => entry.binding === binding)!;
    const least = leastBytes(variable.type);
    ensure(
      here.size >= least,
      () => `binding ${binding} has ${here.size} bytes, and ${variable.name} needs ${least}`,
    );
    const moved = offsets[dynamic.indexOf(here)] ?? 0;
    return [here.buffer.address() + here.offset + moved, here.size];
  });
}

/** The bytes of a view or buffer, from an element on. */
export function bytesOf(
  data: ArrayBufferView | ArrayBufferLike,
  offset = 0,
  size?: number,
): Uint8Array {
  if (!ArrayBuffer.isView(data))
    return new Uint8Array(data, offset, size ?? data.byteLength - offset);
  const unit = 'BYTES_PER_ELEMENT' in data ? (data.BYTES_PER_ELEMENT as number) : 1;
  const bytes = size === undefined ? data.byteLength - offset * unit : size * unit;
  return new Uint8Array(data.buffer, data.byteOffset + offset * unit, bytes);
}
