/**
 * From bind groups to addresses: what a dispatch finds in each binding of its kernel, and whether two bindings get into
 * each other's way.
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

/** A bound range with its dynamic offset added. */
interface BoundRange {
  readonly entry: LayoutEntry;
  readonly buffer: CpuBuffer;
  readonly start: number;
  readonly size: number;
}

/**
 * Address and size of each of the kernel's bindings.
 *
 * @param groups by the numbers they were set with.
 * @throws Refusal where a group is missing or of another layout, a binding too small, or a buffer used in two ways.
 */
export function bindSlots(
  pipeline: PipelineContent,
  groups: readonly (SetGroup | undefined)[],
): readonly number[] {
  const [only, ...others] = groups;
  // One group without dynamic offsets, as here nearly always: looked at once for each pipeline.
  if (!only || only.offsets.length > 0 || pipeline.groups.length > 1 || others.some((o) => o))
    return resolveSlots(pipeline, groups);
  const { resolved } = only.group;
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
  const ranges = groups.map((layout, n): readonly BoundRange[] => {
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
  checkHazards(ranges.flat());
  return kernel.bindings.flatMap(({ group, binding, variable }) => {
    const range = ranges[group]!.find(({ entry }) => entry.binding === binding)!;
    const { buffer, start, size } = range;
    const least = minBindingBytes(variable.type);
    ensure(
      size >= least,
      () => `binding ${binding} has ${size} bytes, and ${variable.name} needs ${least}`,
    );
    return [buffer.address + start, size];
  });
}

/** @throws Refusal where a buffer is bound to be read and to be written, or two bindings write the same bytes. */
function checkHazards(ranges: readonly BoundRange[]): void {
  for (const written of ranges) {
    if (written.entry.type !== 'storage') continue;
    const { binding } = written.entry;
    for (const other of ranges) {
      if (other === written || other.buffer !== written.buffer) continue;
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
