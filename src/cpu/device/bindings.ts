/** Bind group layouts, pipeline layouts and bind groups: which buffer a kernel sees where. */

import { asBuffer, type CpuBuffer } from './buffer.js';
import type { CpuDevice } from './device.js';
import { ensure, named, Refusal } from './errors.js';
import { COMPUTE, USAGE } from './limits.js';

export interface LayoutEntry {
  readonly binding: number;
  readonly type: GPUBufferBindingType;
  readonly hasDynamicOffset: boolean;
  readonly minBindingSize: number;
}

export class CpuBindGroupLayout implements GPUBindGroupLayout {
  declare readonly __brand: 'GPUBindGroupLayout';
  label: string;
  /** By binding; `undefined` where the layout is invalid. */
  readonly #entries: readonly LayoutEntry[] | undefined;

  constructor(device: CpuDevice, descriptor: GPUBindGroupLayoutDescriptor) {
    this.label = descriptor.label ?? '';
    this.#entries = device.errors.attempt(named('createBindGroupLayout', this.label), () =>
      readEntries(device, [...descriptor.entries]),
    );
  }

  /** @throws Refusal where the layout is invalid. */
  get entries(): readonly LayoutEntry[] {
    if (!this.#entries) throw new Refusal(`bind group layout "${this.label}" is invalid`);
    return this.#entries;
  }

  /** Whether groups of one fit where the other is asked for. */
  isCompatible(other: CpuBindGroupLayout): boolean {
    if (this === other) return true;
    const [p, q] = [this.entries, other.entries];
    return (
      p.length === q.length &&
      p.every((entry, n) => {
        const { binding, type, hasDynamicOffset, minBindingSize } = q[n]!;
        return (
          entry.binding === binding &&
          entry.type === type &&
          entry.hasDynamicOffset === hasDynamicOffset &&
          entry.minBindingSize === minBindingSize
        );
      })
    );
  }
}

function readEntries(device: CpuDevice, given: readonly GPUBindGroupLayoutEntry[]): LayoutEntry[] {
  const { limits } = device;
  const entries = given.map((entry): LayoutEntry => {
    const { binding, buffer, visibility } = entry;
    ensure(binding < limits.maxBindingsPerBindGroup, () => `binding ${binding} is past the limit`);
    ensure((visibility & ~7) === 0, () => `binding ${binding} has visibility ${visibility}`);
    const others = ['sampler', 'texture', 'storageTexture', 'externalTexture'] as const;
    const other = others.find((kind) => entry[kind] !== undefined);
    ensure(!other, () => `binding ${binding} is a ${other}, and this device has buffers only`);
    ensure(buffer !== undefined, () => `binding ${binding} says nothing of its buffer`);
    const { type = 'uniform', hasDynamicOffset = false, minBindingSize = 0 } = buffer;
    return { binding, type, hasDynamicOffset, minBindingSize };
  });
  entries.sort((p, q) => p.binding - q.binding);
  const twice = entries.find((entry, n) => entry.binding === entries[n + 1]?.binding);
  ensure(!twice, () => `binding ${twice!.binding} stands twice`);
  const isVisible = given.some((entry) => (entry.visibility & COMPUTE) !== 0);
  if (isVisible) checkCounts(device, entries);
  return entries;
}

/** @throws Refusal where more buffers are bound than the device allows. */
export function checkCounts({ limits }: CpuDevice, entries: readonly LayoutEntry[]): void {
  const count = (of: (entry: LayoutEntry) => boolean, most: number, what: string) => {
    const n = entries.filter(of).length;
    ensure(n <= most, () => `${n} ${what} are past the limit, ${most}`);
  };
  const isUniform = (entry: LayoutEntry) => entry.type === 'uniform';
  count((e) => !isUniform(e), limits.maxStorageBuffersPerShaderStage, 'storage buffers');
  count(isUniform, limits.maxUniformBuffersPerShaderStage, 'uniform buffers');
  const dynamic = entries.filter((e) => e.hasDynamicOffset);
  const [uniform, storage] = [
    limits.maxDynamicUniformBuffersPerPipelineLayout,
    limits.maxDynamicStorageBuffersPerPipelineLayout,
  ];
  count(
    (e) => dynamic.includes(e) && isUniform(e),
    uniform,
    'uniform buffers with dynamic offsets',
  );
  count(
    (e) => dynamic.includes(e) && !isUniform(e),
    storage,
    'storage buffers with dynamic offsets',
  );
}

export class CpuPipelineLayout implements GPUPipelineLayout {
  declare readonly __brand: 'GPUPipelineLayout';
  label: string;
  readonly #content: { groups: readonly CpuBindGroupLayout[]; immediateSize: number } | undefined;

  constructor(device: CpuDevice, descriptor: GPUPipelineLayoutDescriptor) {
    this.label = descriptor.label ?? '';
    const { immediateSize = 0 } = descriptor;
    this.#content = device.errors.attempt(named('createPipelineLayout', this.label), () => {
      const { limits } = device;
      const groups = [...descriptor.bindGroupLayouts].map((layout) =>
        asBindGroupLayout(layout as GPUBindGroupLayout),
      );
      ensure(
        groups.length <= limits.maxBindGroups,
        () => `${groups.length} groups are past ${limits.maxBindGroups}`,
      );
      checkCounts(
        device,
        groups.flatMap((g) => g.entries),
      );
      const most = limits.maxImmediateSize;
      ensure(immediateSize <= most, () => `immediateSize ${immediateSize} is past ${most}`);
      ensure(
        immediateSize % 4 === 0,
        () => `immediateSize ${immediateSize} is not a multiple of 4`,
      );
      return { groups, immediateSize };
    });
  }

  /** @throws Refusal where the layout is invalid. */
  get content(): { groups: readonly CpuBindGroupLayout[]; immediateSize: number } {
    if (!this.#content) throw new Refusal(`pipeline layout "${this.label}" is invalid`);
    return this.#content;
  }
}

/** A buffer's range, bound. */
export interface Bound {
  readonly entry: LayoutEntry;
  readonly buffer: CpuBuffer;
  readonly offset: number;
  readonly size: number;
}

export interface BindGroupContent {
  readonly layout: CpuBindGroupLayout;
  /** In the order of the layout's entries. */
  readonly bound: readonly Bound[];
  /** Those whose offset is given anew with every use. */
  readonly dynamic: readonly Bound[];
}

export class CpuBindGroup implements GPUBindGroup {
  declare readonly __brand: 'GPUBindGroup';
  label: string;
  /** By pipeline: address and size of each of its bindings, once it was dispatched with this group. */
  readonly resolved = new WeakMap<object, readonly number[]>();
  readonly #content: BindGroupContent | undefined;

  constructor(device: CpuDevice, descriptor: GPUBindGroupDescriptor) {
    this.label = descriptor.label ?? '';
    this.#content = device.errors.attempt(named('createBindGroup', this.label), () => {
      const layout = asBindGroupLayout(descriptor.layout);
      const bound = bind(device, layout, [...descriptor.entries]);
      return { layout, bound, dynamic: bound.filter(({ entry }) => entry.hasDynamicOffset) };
    });
  }

  /** @throws Refusal where the group is invalid. */
  get content(): BindGroupContent {
    if (!this.#content) throw new Refusal(`bind group "${this.label}" is invalid`);
    return this.#content;
  }
}

function bind(
  device: CpuDevice,
  layout: CpuBindGroupLayout,
  given: readonly GPUBindGroupEntry[],
): Bound[] {
  const { entries } = layout;
  ensure(
    given.length === entries.length,
    () => `${given.length} entries are given for a layout of ${entries.length}`,
  );
  return entries.map((entry): Bound => {
    const { binding } = entry;
    const matching = given.filter((g) => g.binding === binding);
    ensure(matching.length === 1, () => `binding ${binding} is given ${matching.length} times`);
    const { resource } = matching[0]!;
    const range = asRange(resource);
    const buffer = asBuffer(range.buffer);
    const { offset = 0 } = range;
    const size = range.size ?? buffer.size - offset;
    checkRange(device, entry, buffer, offset, size);
    return { entry, buffer, offset, size };
  });
}

function asRange(resource: GPUBindingResource): GPUBufferBinding {
  const range =
    resource instanceof Object && 'buffer' in resource ? resource : { buffer: resource };
  return range as GPUBufferBinding;
}

function checkRange(
  { limits }: CpuDevice,
  { binding, type, minBindingSize }: LayoutEntry,
  buffer: CpuBuffer,
  offset: number,
  size: number,
): void {
  const at = `binding ${binding}`;
  buffer.address();
  const isUniform = type === 'uniform';
  if (isUniform) buffer.checkUsage(USAGE.UNIFORM, 'UNIFORM');
  else buffer.checkUsage(USAGE.STORAGE, 'STORAGE');
  const align = isUniform
    ? limits.minUniformBufferOffsetAlignment
    : limits.minStorageBufferOffsetAlignment;
  ensure(offset % align === 0, () => `${at}: offset ${offset} is not a multiple of ${align}`);
  ensure(size > 0, () => `${at} is empty`);
  ensure(
    offset + size <= buffer.size,
    () => `${at}: ${offset} + ${size} bytes are past the buffer's ${buffer.size}`,
  );
  ensure(isUniform || size % 4 === 0, () => `${at}: size ${size} is not a multiple of 4`);
  const most = isUniform ? limits.maxUniformBufferBindingSize : limits.maxStorageBufferBindingSize;
  ensure(size <= most, () => `${at}: size ${size} is past the limit, ${most}`);
  ensure(
    size >= minBindingSize,
    () => `${at}: size ${size} is less than the ${minBindingSize} of the layout`,
  );
}

/** @throws TypeError where the layout is another device's. */
export function asBindGroupLayout(layout: GPUBindGroupLayout): CpuBindGroupLayout {
  if (layout instanceof CpuBindGroupLayout) return layout;
  throw new TypeError('This bind group layout was not made by a CPU device.');
}
