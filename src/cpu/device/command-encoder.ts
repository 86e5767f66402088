/** Command encoders and command buffers. */

import { asBuffer } from './buffer.js';
import {
  CpuComputePassEncoder,
  readTimestampWrites,
  type TimestampWrites,
} from './compute-pass.js';
import type { DeviceContext } from './device-context.js';
import { describeCall, ensure } from './errors.js';
import { USAGE } from './flags.js';
import { MAX_U32, unsigned } from './numbers.js';
import { asQuerySet, TIMESTAMP_BYTES } from './query-set.js';
import { DebugCommands, type RecordedCommands, Recording } from './recording.js';

/** Commands that are encoded and not submitted yet. */
export class CpuCommandBuffer implements GPUCommandBuffer {
  declare readonly __brand: 'GPUCommandBuffer';
  label: string;
  readonly context: DeviceContext;
  /** `undefined` where it is invalid, or was submitted. */
  content: RecordedCommands | undefined;

  constructor(context: DeviceContext, label: string, content: RecordedCommands | undefined) {
    this.context = context;
    this.label = label;
    this.content = content;
  }
}

/** Encodes commands. The first that is refused makes the command buffer invalid. */
export class CpuCommandEncoder extends DebugCommands implements GPUCommandEncoder {
  declare readonly __brand: 'GPUCommandEncoder';
  label: string;
  readonly #context: DeviceContext;
  readonly #recording: Recording;

  constructor(context: DeviceContext, descriptor: GPUCommandEncoderDescriptor = {}) {
    super();
    this.#context = context;
    this.#recording = new Recording(context);
    this.label = descriptor.label ?? '';
  }

  beginComputePass(descriptor: GPUComputePassDescriptor = {}): GPUComputePassEncoder {
    const { label = '', timestampWrites } = descriptor;
    const stamps = timestampWrites && readTimestampWrites(timestampWrites);
    const pass = new CpuComputePassEncoder(this.#context, this.#recording, label, stamps);
    this.run('beginComputePass', () => {
      this.#recording.beginPass(pass);
      if (stamps) this.#beginStamps(stamps);
    });
    return pass;
  }

  #beginStamps({ querySet, beginIndex: first, endIndex: last }: TimestampWrites): void {
    querySet.address(this.#context, 0);
    ensure(first !== undefined || last !== undefined, () => 'no query is given to write to');
    ensure(first !== last, () => `query ${first} would be written twice`);
    for (const index of [first, last])
      ensure(
        index === undefined || index < querySet.count,
        () => `query ${index} is past ${querySet.count - 1}`,
      );
    this.#recording.use(querySet);
    this.#recording.writeTimestamp(querySet, first);
  }

  copyBufferToBuffer(source: GPUBuffer, ...rest: unknown[]): undefined {
    const { from, to, sourceOffset, destinationOffset, size } = copyArguments(source, rest);
    return this.run('copyBufferToBuffer', () => {
      from.checkValid(this.#context);
      to.checkValid(this.#context);
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
      this.#recording.use(from);
      this.#recording.use(to);
      this.#recording.add({
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
    return this.run('clearBuffer', () => {
      to.checkValid(this.#context);
      to.checkUsage(USAGE.COPY_DST, 'COPY_DST');
      ensure(start % 4 === 0 && bytes % 4 === 0, () => 'offset and size must be multiples of 4');
      ensure(
        start + bytes <= to.size,
        () => `${start} + ${bytes} bytes are past the buffer's ${to.size}`,
      );
      this.#recording.use(to);
      this.#recording.add({ kind: 'clear', to: to.address + start, bytes });
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
    return this.run('resolveQuerySet', () => {
      const from = queries.address(this.#context, first);
      const bytes = TIMESTAMP_BYTES * count;
      to.checkValid(this.#context);
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
      this.#recording.use(queries);
      this.#recording.use(to);
      this.#recording.add({ kind: 'copy', from, to: to.address + offset, bytes });
    });
  }

  finish(descriptor: GPUCommandBufferDescriptor = {}): GPUCommandBuffer {
    const content = this.#context.errors.attempt(describeCall('finish', this.label), () => {
      const recorded = this.#recording.finish();
      this.checkDebugGroups();
      return recorded;
    });
    return new CpuCommandBuffer(this.#context, descriptor.label ?? '', content);
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

  protected override run(call: string, record: () => void): undefined {
    return this.#recording.run(call, this.label, () => {
      this.#recording.checkNoPass();
      record();
    });
  }
}

function noTextures(call: string): TypeError {
  return new TypeError(`${call}: a CPU device has no textures.`);
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
