/**
 * Resolves the bind groups of a dispatch to addresses, and checks that its bindings do not
 * conflict.
 */

import type { CpuBindGroup, LayoutEntry } from './bindings.js';
import type { CpuBuffer } from './buffer.js';
import { ensure } from './errors.js';
import { minBindingBytes, type PipelineContent } from './pipeline.js';

/** A bind group as it was set, with its dynamic offsets. */
export interface SetGroup {
  readonly group: CpuBindGroup;
  readonly offsets: readonly number[];
}

/** A bound range, including its dynamic offset. */
interface BoundRange {
  readonly entry: LayoutEntry;
  readonly buffer: CpuBuffer;
  readonly start: number;
  readonly size: number;
}

/**
 * Returns the address and size of each of the kernel's bindings, alternating.
 *
 * @param groups the bind groups by the index they were set at.
 * @throws ValidationError where a group is missing or has another layout, where a binding is too
 *   small, or where a buffer is used in two ways.
 */
export function bindSlots(
  pipeline: PipelineContent,
  groups: readonly (SetGroup | undefined)[],
): readonly number[] {
  const [firstGroup, ...others] = groups;
  // The usual case is one group without dynamic offsets: resolved once for each pipeline.
  if (
    !firstGroup ||
    firstGroup.offsets.length > 0 ||
    pipeline.groups.length > 1 ||
    others.some((o) => o)
  )
    return resolveSlots(pipeline, groups);
  const { resolved } = firstGroup.group;
  let slots = resolved.get(pipeline);
  if (!slots) {
    slots = resolveSlots(pipeline, groups);
    resolved.set(pipeline, slots);
  }
  return slots;
}

function resolveSlots(
  { kernel, groups }: PipelineContent,
  set: readonly (SetGroup | undefined)[],
): number[] {
  const ranges = groups.map((layout, index): readonly BoundRange[] => {
    if (layout.entries.length === 0) return [];
    const setGroup = set[index];
    ensure(setGroup !== undefined, () => `group ${index} is not set`);
    ensure(
      setGroup.group.content.layout.isCompatible(layout),
      () => `group ${index} has another layout than the pipeline expects`,
    );
    const { bound, dynamic } = setGroup.group.content;
    return bound.map((boundBuffer) => {
      const dynamicOffset = setGroup.offsets[dynamic.indexOf(boundBuffer)] ?? 0;
      return { ...boundBuffer, start: boundBuffer.offset + dynamicOffset };
    });
  });
  checkHazards(ranges.flat());
  return kernel.bindings.flatMap(({ group, binding, variable }) => {
    const range = ranges[group]!.find(({ entry }) => entry.binding === binding)!;
    const { buffer, start, size } = range;
    const minBytes = minBindingBytes(variable.type);
    ensure(
      size >= minBytes,
      () => `binding ${binding} has ${size} bytes, but ${variable.name} needs ${minBytes}`,
    );
    return [buffer.address + start, size];
  });
}

/**
 * @throws ValidationError where a buffer is bound both for reading and for writing, or where two
 *   bindings write the same bytes.
 */
function checkHazards(ranges: readonly BoundRange[]): void {
  for (const writable of ranges) {
    if (writable.entry.type !== 'storage') continue;
    const { binding } = writable.entry;
    for (const other of ranges) {
      if (other === writable || other.buffer !== writable.buffer) continue;
      ensure(
        other.entry.type === 'storage',
        () => `bindings ${other.entry.binding} and ${binding} read and write the same buffer`,
      );
      ensure(
        other.start + other.size <= writable.start || writable.start + writable.size <= other.start,
        () => `bindings ${other.entry.binding} and ${binding} write the same part of a buffer`,
      );
    }
  }
}
