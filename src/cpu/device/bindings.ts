/**
 * Bind group layouts, pipeline layouts and bind groups: which buffer a kernel sees at which
 * binding.
 */

import { asBuffer, type CpuBuffer } from './buffer.js';
import type { DeviceContext } from './device-context.js';
import {
  checkSameDevice,
  describeCall,
  describeObject,
  ensure,
  ValidationError,
} from './errors.js';
import { STAGE, USAGE } from './flags.js';
import { MAX_U32, requireOneOf, unsigned } from './numbers.js';

/** What can be bound at one binding. */
export interface LayoutEntry {
  readonly binding: number;
  readonly visibility: number;
  readonly type: GPUBufferBindingType;
  /** Whether an offset is added each time the group is set. */
  readonly hasDynamicOffset: boolean;
  /** In bytes; 0 if the size is checked at every dispatch instead. */
  readonly minBindingSize: number;
}

const TYPES: readonly GPUBufferBindingType[] = ['uniform', 'storage', 'read-only-storage'];

/** A bind group layout: what can be bound in a group. */
export class CpuBindGroupLayout implements GPUBindGroupLayout {
  declare readonly __brand: 'GPUBindGroupLayout';
  label: string;
  readonly context: DeviceContext;
  /**
   * The pipeline whose automatic layout this belongs to. Its groups can be used only with that
   * pipeline.
   */
  readonly owner: object | undefined;
  /** Sorted by binding; `undefined` where the layout is invalid. */
  readonly #entries: readonly LayoutEntry[] | undefined;

  constructor(
    context: DeviceContext,
    label: string,
    entries: readonly LayoutEntry[] | undefined,
    owner?: object,
  ) {
    this.context = context;
    this.label = label;
    this.#entries = entries;
    this.owner = owner;
  }

  /**
   * Creates a layout from a descriptor. A descriptor that WebGPU forbids gives an invalid layout.
   *
   * @throws TypeError where the descriptor has values of the wrong type.
   */
  static create(
    context: DeviceContext,
    descriptor: GPUBindGroupLayoutDescriptor,
  ): CpuBindGroupLayout {
    const { label = '' } = descriptor;
    const descriptors = [...descriptor.entries];
    const entries = context.errors.attempt(describeCall('createBindGroupLayout', label), () =>
      readEntries(context, descriptors),
    );
    return new CpuBindGroupLayout(context, label, entries);
  }

  /**
   * The entries, sorted by binding.
   *
   * @throws ValidationError where the layout is invalid.
   */
  get entries(): readonly LayoutEntry[] {
    if (!this.#entries)
      throw new ValidationError(`${describeObject('bind group layout', this.label)} is invalid`);
    return this.#entries;
  }

  /** Whether bind groups of this layout can be used where `other` is expected. */
  isCompatible(other: CpuBindGroupLayout): boolean {
    if (this === other) return true;
    const [p, q] = [this.entries, other.entries];
    return (
      this.owner === other.owner &&
      p.length === q.length &&
      p.every((entry, n) => {
        const { binding, visibility, type, hasDynamicOffset, minBindingSize } = q[n]!;
        return (
          entry.binding === binding &&
          entry.visibility === visibility &&
          entry.type === type &&
          entry.hasDynamicOffset === hasDynamicOffset &&
          entry.minBindingSize === minBindingSize
        );
      })
    );
  }
}

function readEntries(
  context: DeviceContext,
  descriptors: readonly GPUBindGroupLayoutEntry[],
): LayoutEntry[] {
  const entries = descriptors.map((entry): LayoutEntry => {
    const { buffer } = entry;
    const binding = unsigned(entry.binding, 'binding', MAX_U32);
    const visibility = unsigned(entry.visibility, 'visibility', MAX_U32);
    ensure(
      (visibility & ~7) === 0,
      () => `binding ${binding} has the invalid visibility ${visibility}`,
    );
    const others = ['sampler', 'texture', 'storageTexture', 'externalTexture'] as const;
    const other = others.find((kind) => entry[kind] !== undefined);
    ensure(!other, () => `binding ${binding} is a ${other}, but this device supports buffers only`);
    ensure(buffer !== undefined, () => `binding ${binding} has no buffer layout`);
    const type = requireOneOf(buffer.type ?? 'uniform', TYPES, 'type');
    ensure(
      type !== 'storage' || (visibility & STAGE.VERTEX) === 0,
      () => `binding ${binding} is writable, which vertex shaders do not allow`,
    );
    const { hasDynamicOffset = false } = buffer;
    const minBindingSize = unsigned(buffer.minBindingSize ?? 0, 'minBindingSize');
    return { binding, visibility, type, hasDynamicOffset, minBindingSize };
  });
  checkEntries(context, entries);
  return entries.sort((p, q) => p.binding - q.binding);
}

/**
 * Checks the entries of one bind group layout.
 *
 * @throws ValidationError where a binding is out of range or repeated, or where there are more
 *   buffers than the device allows.
 */
export function checkEntries(context: DeviceContext, entries: readonly LayoutEntry[]): void {
  const bindings = entries.map((entry) => entry.binding);
  const { maxBindingsPerBindGroup: end } = context.limits;
  const outOfRange = bindings.find((binding) => binding >= end);
  ensure(outOfRange === undefined, () => `binding ${outOfRange} exceeds the limit of ${end - 1}`);
  const repeated = bindings.find((binding, n) => bindings.indexOf(binding) < n);
  ensure(repeated === undefined, () => `binding ${repeated} occurs twice`);
  checkCounts(context, entries);
}

/** @throws ValidationError where there are more buffers than the device allows. */
function checkCounts({ limits }: DeviceContext, entries: readonly LayoutEntry[]): void {
  const check = (counted: readonly LayoutEntry[], limit: number, description: string) =>
    ensure(
      counted.length <= limit,
      () => `${counted.length} ${description} exceed the limit of ${limit}`,
    );
  const uniform = entries.filter((e) => e.type === 'uniform');
  const storage = entries.filter((e) => e.type !== 'uniform');
  const isVisible = (e: LayoutEntry) => (e.visibility & STAGE.COMPUTE) !== 0;
  const isDynamic = (e: LayoutEntry) => e.hasDynamicOffset;
  check(uniform.filter(isVisible), limits.maxUniformBuffersPerShaderStage, 'uniform buffers');
  check(storage.filter(isVisible), limits.maxStorageBuffersPerShaderStage, 'storage buffers');
  check(
    uniform.filter(isDynamic),
    limits.maxDynamicUniformBuffersPerPipelineLayout,
    'uniform buffers with dynamic offsets',
  );
  check(
    storage.filter(isDynamic),
    limits.maxDynamicStorageBuffersPerPipelineLayout,
    'storage buffers with dynamic offsets',
  );
}

/** The bind group layouts of a pipeline, and the size of its immediates in bytes. */
export interface LayoutContent {
  readonly groups: readonly CpuBindGroupLayout[];
  readonly immediateSize: number;
}

/**
 * Checks the layout of a pipeline.
 *
 * @throws ValidationError where it exceeds the limits of the device.
 */
export function checkLayout(
  context: DeviceContext,
  { groups, immediateSize }: LayoutContent,
): void {
  const { maxBindGroups, maxImmediateSize } = context.limits;
  ensure(
    groups.length <= maxBindGroups,
    () => `${groups.length} groups exceed the limit of ${maxBindGroups}`,
  );
  checkCounts(
    context,
    groups.flatMap((group) => group.entries),
  );
  ensure(
    immediateSize <= maxImmediateSize,
    () => `${immediateSize} bytes of immediates exceed the limit of ${maxImmediateSize}`,
  );
  ensure(immediateSize % 4 === 0, () => `immediateSize ${immediateSize} is not a multiple of 4`);
}

/** A pipeline layout: the layouts of a pipeline's bind groups, and its immediates. */
export class CpuPipelineLayout implements GPUPipelineLayout {
  declare readonly __brand: 'GPUPipelineLayout';
  label: string;
  readonly context: DeviceContext;
  readonly #content: LayoutContent | undefined;

  /** @throws TypeError where the descriptor has values of the wrong type. */
  constructor(context: DeviceContext, descriptor: GPUPipelineLayoutDescriptor) {
    this.context = context;
    this.label = descriptor.label ?? '';
    const immediateSize = unsigned(descriptor.immediateSize ?? 0, 'immediateSize', MAX_U32);
    const layouts = [...descriptor.bindGroupLayouts].map((layout) =>
      layout ? asBindGroupLayout(layout as GPUBindGroupLayout) : undefined,
    );
    this.#content = context.errors.attempt(describeCall('createPipelineLayout', this.label), () => {
      for (const layout of layouts) {
        if (!layout) continue;
        checkSameDevice(context, layout, 'bind group layout');
        ensure(
          !layout.owner,
          () => 'a bind group layout belongs to the automatic layout of a pipeline',
        );
      }
      const groups = layouts.map((layout) => layout ?? new CpuBindGroupLayout(context, '', []));
      const content = { groups, immediateSize };
      checkLayout(context, content);
      return content;
    });
  }

  /**
   * The layouts and the immediates.
   *
   * @throws ValidationError where the layout is invalid.
   */
  get content(): LayoutContent {
    if (!this.#content)
      throw new ValidationError(`${describeObject('pipeline layout', this.label)} is invalid`);
    return this.#content;
  }
}

/** A range of a buffer, bound. */
interface BoundBuffer {
  readonly entry: LayoutEntry;
  readonly buffer: CpuBuffer;
  readonly offset: number;
  readonly size: number;
}

/** What is bound in a group. */
interface BindGroupContent {
  readonly layout: CpuBindGroupLayout;
  /** In the order of the layout's entries. */
  readonly bound: readonly BoundBuffer[];
  /** The ones with a dynamic offset, which is added when the group is set. */
  readonly dynamic: readonly BoundBuffer[];
}

/** A bind group: buffers bound as a layout prescribes. */
export class CpuBindGroup implements GPUBindGroup {
  declare readonly __brand: 'GPUBindGroup';
  label: string;
  readonly context: DeviceContext;
  /** Address and size of each of a pipeline's bindings, once it was dispatched with this group. */
  readonly resolved = new WeakMap<object, readonly number[]>();
  readonly #content: BindGroupContent | undefined;

  /** @throws TypeError where the descriptor has values of the wrong type. */
  constructor(context: DeviceContext, descriptor: GPUBindGroupDescriptor) {
    this.context = context;
    this.label = descriptor.label ?? '';
    const layout = asBindGroupLayout(descriptor.layout);
    const resources = [...descriptor.entries].map(asResource);
    this.#content = context.errors.attempt(describeCall('createBindGroup', this.label), () => {
      checkSameDevice(context, layout, 'bind group layout');
      const bound = bindResources(context, layout, resources);
      return { layout, bound, dynamic: bound.filter(({ entry }) => entry.hasDynamicOffset) };
    });
  }

  /**
   * The layout and the bound ranges.
   *
   * @throws ValidationError where the group is invalid.
   */
  get content(): BindGroupContent {
    if (!this.#content)
      throw new ValidationError(`${describeObject('bind group', this.label)} is invalid`);
    return this.#content;
  }

  /** @throws ValidationError where a submit cannot use one of the buffers. */
  checkUsable(): void {
    for (const { buffer } of this.content.bound) buffer.checkUsable();
  }
}

/** What is to be bound, and where. */
interface Resource {
  readonly binding: number;
  readonly buffer: CpuBuffer;
  readonly offset: number;
  readonly size: number;
}

/** @throws TypeError where the entry's resource is neither a buffer nor a range of one. */
function asResource({ binding, resource }: GPUBindGroupEntry): Resource {
  const range = (
    resource instanceof Object && 'buffer' in resource ? resource : { buffer: resource }
  ) as GPUBufferBinding;
  const buffer = asBuffer(range.buffer);
  const offset = unsigned(range.offset ?? 0, 'offset');
  const remaining = Math.max(0, buffer.size - offset);
  const size = range.size === undefined ? remaining : unsigned(range.size, 'size');
  return { binding: unsigned(binding, 'binding', MAX_U32), buffer, offset, size };
}

function bindResources(
  context: DeviceContext,
  layout: CpuBindGroupLayout,
  resources: readonly Resource[],
): BoundBuffer[] {
  const { entries } = layout;
  ensure(
    resources.length === entries.length,
    () => `${resources.length} entries are given for a layout with ${entries.length}`,
  );
  return entries.map((entry): BoundBuffer => {
    const { binding } = entry;
    const matching = resources.filter((resource) => resource.binding === binding);
    ensure(
      matching.length === 1,
      () => `binding ${binding} occurs ${matching.length} times in the entries`,
    );
    const { buffer, offset, size } = matching[0]!;
    const bound = { entry, buffer, offset, size };
    checkBound(context, bound);
    return bound;
  });
}

function checkBound(context: DeviceContext, { entry, buffer, offset, size }: BoundBuffer): void {
  const { limits } = context;
  const subject = `binding ${entry.binding}`;
  buffer.checkValid(context);
  const isUniform = entry.type === 'uniform';
  if (isUniform) buffer.checkUsage(USAGE.UNIFORM, 'UNIFORM');
  else buffer.checkUsage(USAGE.STORAGE, 'STORAGE');
  const align = offsetAlignment(context, entry);
  ensure(offset % align === 0, () => `${subject}: offset ${offset} is not a multiple of ${align}`);
  ensure(size > 0, () => `${subject} is empty`);
  ensure(
    offset + size <= buffer.size,
    () => `${subject}: offset ${offset} and size ${size} exceed the buffer's ${buffer.size} bytes`,
  );
  ensure(isUniform || size % 4 === 0, () => `${subject}: size ${size} is not a multiple of 4`);
  const limit = isUniform ? limits.maxUniformBufferBindingSize : limits.maxStorageBufferBindingSize;
  ensure(size <= limit, () => `${subject}: size ${size} exceeds the limit of ${limit}`);
  const minSize = entry.minBindingSize;
  ensure(
    size >= minSize,
    () => `${subject}: size ${size} is less than the layout's minBindingSize, ${minSize}`,
  );
}

/** What the offset of a binding must be a multiple of, in bytes. */
export function offsetAlignment({ limits }: DeviceContext, { type }: LayoutEntry): number {
  return type === 'uniform'
    ? limits.minUniformBufferOffsetAlignment
    : limits.minStorageBufferOffsetAlignment;
}

/** @throws TypeError where the layout was not created by a CPU device. */
function asBindGroupLayout(layout: GPUBindGroupLayout): CpuBindGroupLayout {
  if (layout instanceof CpuBindGroupLayout) return layout;
  throw new TypeError('This bind group layout was not created by a CPU device.');
}
