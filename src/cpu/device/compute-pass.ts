/** Compute passes: pipelines, bind groups and immediates are set, and dispatches recorded. */

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
/** Workgroups of one dispatch are counted in 32 bits, with room for what threads take beyond the last. */
const MAX_WORKGROUPS = 2 ** 30;

/** The queries that a pass writes its times to: when it begins, and when it ends. */
export interface TimestampWrites {
  readonly querySet: CpuQuerySet;
  readonly beginIndex: number | undefined;
  readonly endIndex: number | undefined;
}

/** @throws TypeError where the set is not one of a CPU device, or an index is not a number that can be one. */
export function readTimestampWrites(writes: GPUComputePassTimestampWrites): TimestampWrites {
  const index = (value: number | undefined, name: string) =>
    value === undefined ? undefined : unsigned(value, name, MAX_U32);
  return {
    querySet: asQuerySet(writes.querySet),
    beginIndex: index(writes.beginningOfPassWriteIndex, 'beginningOfPassWriteIndex'),
    endIndex: index(writes.endOfPassWriteIndex, 'endOfPassWriteIndex'),
  };
}

/** Encodes dispatches. */
export class CpuComputePassEncoder extends DebugCommands implements GPUComputePassEncoder {
  declare readonly __brand: 'GPUComputePassEncoder';
  label: string;
  readonly #context: DeviceContext;
  readonly #recording: Recording;
  readonly #stamps: TimestampWrites | undefined;
  readonly #immediates = new Int32Array(LIMITS.maxImmediateSize / 4);
  readonly #immediateBytes = new Uint8Array(this.#immediates.buffer);
  /** Bit n: the n-th word was set in this pass. */
  #immediatesSet = 0;
  #pipeline: PipelineContent | undefined;
  readonly #groups: (SetGroup | undefined)[] = [];
  #isEnded = false;

  constructor(
    context: DeviceContext,
    recording: Recording,
    label: string,
    stamps: TimestampWrites | undefined,
  ) {
    super();
    this.#context = context;
    this.#recording = recording;
    this.label = label;
    this.#stamps = stamps;
  }

  setPipeline(pipeline: GPUComputePipeline): undefined {
    if (!(pipeline instanceof CpuComputePipeline))
      throw new TypeError('This pipeline was not made by a CPU device.');
    return this.run('setPipeline', () => {
      checkSameDevice(this.#context, pipeline, 'compute pipeline');
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
    const dynamicOffsets = offsets ? readOffsets(offsets, start, length) : NO_OFFSETS;
    return this.run('setBindGroup', () => {
      const { maxBindGroups } = this.#context.limits;
      ensure(group < maxBindGroups, () => `group ${group} is past the limit, ${maxBindGroups - 1}`);
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
      const own = offsets[n]!;
      const align = offsetAlignment(this.#context, entry);
      ensure(own % align === 0, () => `dynamic offset ${own} is not a multiple of ${align}`);
      ensure(
        own + offset + size <= buffer.size,
        () => `dynamic offset ${own} leads past the buffer's ${buffer.size}`,
      );
    }
  }

  /** @throws TypeError where the data is not bytes, OperationError where more of it is asked for than there is. */
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
        () => `${offset} + ${bytes.length} bytes are past ${maxImmediateSize}`,
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
        () => `${Math.max(x, y, z)} workgroups are past ${maxCount}`,
      );
      const total = x * y * z;
      if (total > MAX_WORKGROUPS)
        throw new ValidationError(`this device runs at most ${MAX_WORKGROUPS} workgroups at once`);
      const missing = pipeline.immediateWords & ~this.#immediatesSet;
      if (missing !== 0)
        throw new ValidationError(`word ${lowestBit(missing)} of the immediates was not set`);
      const slots = bindSlots(pipeline, this.#groups);
      if (total === 0) return;
      const immediates = this.#immediates.slice(0, pipeline.kernel.immediateBytes / 4);
      const { executable } = pipeline;
      this.#recording.add({ kind: 'run', kernel: executable, slots, immediates, grid: [x, y, z] });
    });
  }

  dispatchWorkgroupsIndirect(): never {
    throw new TypeError('dispatchWorkgroupsIndirect: a CPU device does not have it.');
  }

  end(): undefined {
    this.run('end', () => {
      this.#recording.endPass(this);
      this.checkDebugGroups();
      if (this.#stamps)
        this.#recording.writeTimestamp(this.#stamps.querySet, this.#stamps.endIndex);
    });
    this.#isEnded = true;
    return undefined;
  }

  protected override run(call: string, record: () => void): undefined {
    if (!this.#isEnded) return this.#recording.run(call, this.label, record);
    this.#context.errors.reportValidationError(describeCall(call, this.label), 'the pass is ended');
    return undefined;
  }
}

/** Which bit is the lowest that is set. */
function lowestBit(bits: number): number {
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
