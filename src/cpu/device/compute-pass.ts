/** Compute passes: they set pipelines, bind groups and immediates, and record dispatches. */

import { bindSlots, type SetGroup } from './bind-slots.js';
import { CpuBindGroup, offsetAlignment } from './bindings.js';
import type { DeviceContext } from './device-context.js';
import { checkSameDevice, describeCall, ensure, ValidationError } from './errors.js';
import { LIMITS } from './limits.js';
import { bytesIn, MAX_U32, unsigned } from './numbers.js';
import { CpuComputePipeline, type PipelineContent } from './pipeline.js';
import { asQuerySet, type CpuQuerySet } from './query-set.js';
import { DebugCommands, type Recording } from './recording.js';

const NO_OFFSETS: readonly number[] = [];
/**
 * The most workgroups of one dispatch. They are counted in 32 bits, with room for the chunks that
 * threads claim beyond the last workgroup.
 */
const MAX_WORKGROUPS = 2 ** 30;

/** The queries that a pass writes the time to. */
export interface TimestampWrites {
  readonly querySet: CpuQuerySet;
  /** The query to write when the pass begins. */
  readonly beginIndex: number | undefined;
  /** The query to write when the pass ends. */
  readonly endIndex: number | undefined;
}

/**
 * Reads the descriptor of timestamp writes.
 *
 * @throws TypeError where the query set was not created by a CPU device, or an index is not a
 *   non-negative number.
 */
export function readTimestampWrites(writes: GPUComputePassTimestampWrites): TimestampWrites {
  const index = (value: number | undefined, name: string) =>
    value === undefined ? undefined : unsigned(value, name, MAX_U32);
  return {
    querySet: asQuerySet(writes.querySet),
    beginIndex: index(writes.beginningOfPassWriteIndex, 'beginningOfPassWriteIndex'),
    endIndex: index(writes.endOfPassWriteIndex, 'endOfPassWriteIndex'),
  };
}

/** A compute pass encoder: records dispatches. */
export class CpuComputePassEncoder extends DebugCommands implements GPUComputePassEncoder {
  declare readonly __brand: 'GPUComputePassEncoder';
  label: string;
  readonly #context: DeviceContext;
  readonly #recording: Recording;
  readonly #timestampWrites: TimestampWrites | undefined;
  readonly #immediates = new Int32Array(LIMITS.maxImmediateSize / 4);
  readonly #immediateBytes = new Uint8Array(this.#immediates.buffer);
  /** Bit n is set if the n-th word was set in this pass. */
  #immediatesSet = 0;
  #pipeline: PipelineContent | undefined;
  readonly #groups: (SetGroup | undefined)[] = [];
  #isEnded = false;

  constructor(
    context: DeviceContext,
    recording: Recording,
    label: string,
    timestampWrites: TimestampWrites | undefined,
  ) {
    super();
    this.#context = context;
    this.#recording = recording;
    this.label = label;
    this.#timestampWrites = timestampWrites;
  }

  setPipeline(pipeline: GPUComputePipeline): undefined {
    if (!(pipeline instanceof CpuComputePipeline))
      throw new TypeError('This pipeline was not created by a CPU device.');
    return this.run('setPipeline', () => {
      checkSameDevice(this.#context, pipeline, 'compute pipeline');
      this.#pipeline = pipeline.content;
    });
  }

  /**
   * Sets or unsets a bind group. With `start` and `length`, the dynamic offsets are a part of
   * `offsets`.
   *
   * @throws TypeError where an argument has the wrong type, RangeError where `start` and `length`
   *   exceed `offsets`.
   */
  setBindGroup(
    index: number,
    bindGroup: GPUBindGroup | null | undefined,
    offsets?: Iterable<number>,
    start?: number,
    length?: number,
  ): undefined {
    const group = unsigned(index, 'index', MAX_U32);
    if (bindGroup && !(bindGroup instanceof CpuBindGroup))
      throw new TypeError('This bind group was not created by a CPU device.');
    const dynamicOffsets = offsets ? readOffsets(offsets, start, length) : NO_OFFSETS;
    return this.run('setBindGroup', () => {
      const { maxBindGroups } = this.#context.limits;
      ensure(
        group < maxBindGroups,
        () => `group ${group} exceeds the limit of ${maxBindGroups - 1}`,
      );
      if (!bindGroup) {
        ensure(dynamicOffsets.length === 0, () => 'dynamic offsets are given without a group');
        this.#groups[group] = undefined;
        return;
      }
      checkSameDevice(this.#context, bindGroup, 'bind group');
      this.#checkOffsets(bindGroup, dynamicOffsets);
      this.#recording.use(bindGroup);
      this.#groups[group] = { group: bindGroup, offsets: dynamicOffsets };
    });
  }

  #checkOffsets(group: CpuBindGroup, offsets: readonly number[]): void {
    const { dynamic } = group.content;
    ensure(
      dynamic.length === offsets.length,
      () => `${offsets.length} dynamic offsets are given for ${dynamic.length} bindings`,
    );
    for (const [n, { entry, buffer, offset, size }] of dynamic.entries()) {
      const dynamicOffset = offsets[n]!;
      const align = offsetAlignment(this.#context, entry);
      ensure(
        dynamicOffset % align === 0,
        () => `dynamic offset ${dynamicOffset} is not a multiple of ${align}`,
      );
      ensure(
        dynamicOffset + offset + size <= buffer.size,
        () => `dynamic offset ${dynamicOffset} reaches past the buffer's ${buffer.size} bytes`,
      );
    }
  }

  /**
   * Sets a range of the immediates.
   *
   * @throws TypeError where the data is neither an ArrayBuffer nor a view, OperationError where the
   *   range exceeds it.
   */
  setImmediates(
    rangeOffset: number,
    data: ArrayBufferView | ArrayBufferLike,
    dataOffset = 0,
    dataSize?: number,
  ): undefined {
    const offset = unsigned(rangeOffset, 'rangeOffset', MAX_U32);
    const bytes = bytesIn(data, dataOffset, dataSize, 'setImmediates');
    return this.run('setImmediates', () => {
      ensure(
        offset % 4 === 0 && bytes.length % 4 === 0,
        () => 'offset and size must be multiples of 4',
      );
      const { maxImmediateSize } = this.#context.limits;
      ensure(
        offset + bytes.length <= maxImmediateSize,
        () =>
          `offset ${offset} and size ${bytes.length} exceed the limit of ${maxImmediateSize} bytes`,
      );
      this.#immediateBytes.set(bytes, offset);
      this.#immediatesSet |= ((1 << (bytes.length / 4)) - 1) << (offset / 4);
    });
  }

  dispatchWorkgroups(countX: number, countY = 1, countZ = 1): undefined {
    const x = unsigned(countX, 'workgroupCountX', MAX_U32);
    const y = unsigned(countY, 'workgroupCountY', MAX_U32);
    const z = unsigned(countZ, 'workgroupCountZ', MAX_U32);
    return this.run('dispatchWorkgroups', () => {
      const pipeline = this.#pipeline;
      ensure(pipeline !== undefined, () => 'no pipeline is set');
      const { maxComputeWorkgroupsPerDimension: maxCount } = this.#context.limits;
      ensure(
        x <= maxCount && y <= maxCount && z <= maxCount,
        () => `${Math.max(x, y, z)} workgroups exceed the limit of ${maxCount}`,
      );
      const total = x * y * z;
      if (total > MAX_WORKGROUPS)
        throw new ValidationError(
          `this device runs at most ${MAX_WORKGROUPS} workgroups in one dispatch`,
        );
      const missing = pipeline.immediateWords & ~this.#immediatesSet;
      if (missing !== 0)
        throw new ValidationError(`word ${lowestSetBit(missing)} of the immediates was not set`);
      const slots = bindSlots(pipeline, this.#groups);
      if (total === 0) return;
      const immediates = this.#immediates.slice(0, pipeline.kernel.immediateBytes / 4);
      const { executable } = pipeline;
      this.#recording.add({ kind: 'run', kernel: executable, slots, immediates, grid: [x, y, z] });
    });
  }

  dispatchWorkgroupsIndirect(): never {
    throw new TypeError('dispatchWorkgroupsIndirect: a CPU device does not support it.');
  }

  end(): undefined {
    this.run('end', () => {
      this.#recording.endPass(this);
      this.checkDebugGroups();
      if (this.#timestampWrites)
        this.#recording.writeTimestamp(
          this.#timestampWrites.querySet,
          this.#timestampWrites.endIndex,
        );
    });
    this.#isEnded = true;
    return undefined;
  }

  protected override run(call: string, record: () => void): undefined {
    if (!this.#isEnded) return this.#recording.run(call, this.label, record);
    this.#context.errors.reportValidationError(
      describeCall(call, this.label),
      'the pass has ended',
    );
    return undefined;
  }
}

/** The index of the lowest bit that is set. */
function lowestSetBit(bits: number): number {
  return 31 - Math.clz32(bits & -bits);
}

/**
 * @throws TypeError where an offset is not a non-negative number, RangeError where the range
 *   exceeds the offsets.
 */
function readOffsets(
  offsets: Iterable<number>,
  start: number | undefined,
  length: number | undefined,
): number[] {
  const allOffsets = [...offsets];
  if (start === undefined && length === undefined)
    return allOffsets.map((offset) => unsigned(offset, 'A dynamic offset', MAX_U32));
  const first = unsigned(start, 'dynamicOffsetsDataStart');
  const count = unsigned(length, 'dynamicOffsetsDataLength', MAX_U32);
  if (first + count > allOffsets.length)
    throw new RangeError(
      `setBindGroup: dynamic offsets ${first} to ${first + count} exceed the ${allOffsets.length} given.`,
    );
  return allOffsets.slice(first, first + count);
}
