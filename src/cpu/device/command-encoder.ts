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

/** A command buffer: encoded commands that can be submitted once. */
export class CpuCommandBuffer implements GPUCommandBuffer {
  declare readonly __brand: 'GPUCommandBuffer';
  label: string;
  readonly context: DeviceContext;
  /** `undefined` where the command buffer is invalid or was submitted. */
  content: RecordedCommands | undefined;

  constructor(context: DeviceContext, label: string, content: RecordedCommands | undefined) {
    this.context = context;
    this.label = label;
    this.content = content;
  }
}

/** A command encoder. The first invalid command makes the command buffer invalid. */
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
    const { label = '', timestampWrites: writes } = descriptor;
    const timestampWrites = writes && readTimestampWrites(writes);
    const pass = new CpuComputePassEncoder(this.#context, this.#recording, label, timestampWrites);
    this.run('beginComputePass', () => {
      this.#recording.beginPass(pass);
      if (timestampWrites) this.#beginTimestamps(timestampWrites);
    });
    return pass;
  }

  #beginTimestamps({ querySet, beginIndex, endIndex }: TimestampWrites): void {
    querySet.address(this.#context, 0);
    ensure(
      beginIndex !== undefined || endIndex !== undefined,
      () => 'timestampWrites has no query index',
    );
    ensure(beginIndex !== endIndex, () => `query ${beginIndex} would be written twice`);
    for (const index of [beginIndex, endIndex])
      ensure(
        index === undefined || index < querySet.count,
        () => `query ${index} exceeds the set's last, ${querySet.count - 1}`,
      );
    this.#recording.use(querySet);
    this.#recording.writeTimestamp(querySet, beginIndex);
  }

  copyBufferToBuffer(source: GPUBuffer, ...rest: unknown[]): undefined {
    const { from, to, sourceOffset, destinationOffset, size } = readCopyArguments(source, rest);
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
        () =>
          `sourceOffset ${sourceOffset} and size ${size} exceed the source's ${from.size} bytes`,
      );
      ensure(
        destinationOffset + size <= to.size,
        () =>
          `destinationOffset ${destinationOffset} and size ${size} exceed the destination's ${to.size} bytes`,
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
        () => `offset ${start} and size ${bytes} exceed the buffer's ${to.size} bytes`,
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
    const firstIndex = unsigned(firstQuery, 'firstQuery', MAX_U32);
    const count = unsigned(queryCount, 'queryCount', MAX_U32);
    const to = asBuffer(destination);
    const offset = unsigned(destinationOffset, 'destinationOffset');
    return this.run('resolveQuerySet', () => {
      const from = queries.address(this.#context, firstIndex);
      const bytes = TIMESTAMP_BYTES * count;
      to.checkValid(this.#context);
      to.checkUsage(USAGE.QUERY_RESOLVE, 'QUERY_RESOLVE');
      ensure(
        firstIndex < queries.count && firstIndex + count <= queries.count,
        () =>
          `firstQuery ${firstIndex} and queryCount ${count} exceed the set's ${queries.count} queries`,
      );
      ensure(offset % 256 === 0, () => `destinationOffset ${offset} is not a multiple of 256`);
      ensure(
        offset + bytes <= to.size,
        () => `destinationOffset ${offset} and ${bytes} bytes exceed the buffer's ${to.size} bytes`,
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
    throw new TypeError('beginRenderPass: a CPU device supports compute only.');
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

/**
 * Reads (source, destination, size?) or (source, sourceOffset, destination, destinationOffset,
 * size?).
 */
function readCopyArguments(source: GPUBuffer, rest: readonly unknown[]) {
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
