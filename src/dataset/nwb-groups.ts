/** Groups of an NWB file, and what may be in them. */

import type { ArrayNode, GroupNode, Numbers } from '../formats/nodes.js';
import { RecordingError } from '../recording/errors.js';

/** A group of a file, and where it is. */
export interface NamedGroup {
  readonly path: string;
  readonly name: string;
  readonly group: GroupNode;
  /** Neurodata types of the groups around it. */
  readonly within: readonly string[];
}

/** Neurodata types of traces of neurons. */
export const TRACE_TYPES = ['RoiResponseSeries'];

/** Every group with where it is, the whole tree. */
export function groupsIn(
  group: GroupNode,
  path = '',
  within: readonly string[] = [],
): NamedGroup[] {
  return [...group.members].flatMap(([name, part]) => {
    if (part.kind !== 'group' || name === 'specifications') return [];
    const here = path ? `${path}/${name}` : name;
    const found = { path: here, name, group: part, within };
    return [found, ...groupsIn(part, here, [...within, neurodataType(part)])];
  });
}

export function neurodataType({ attributes }: GroupNode): string {
  return typeof attributes.neurodata_type === 'string' ? attributes.neurodata_type : '';
}

export function arrayIn(group: GroupNode, name: string): ArrayNode | undefined {
  const part = group.members.get(name);
  return part?.kind === 'array' ? part : undefined;
}

/** References and the like stand in tables, too. */
export function isReadable(part: ArrayNode): boolean {
  try {
    part.read(0, 1);
    return true;
  } catch (error) {
    if (error instanceof RecordingError) return false;
    throw error;
  }
}

/** Whether a series has numbers that a clock belongs to. */
export function numbersIn(group: GroupNode): boolean {
  const data = arrayIn(group, 'data');
  return data?.type === 'number' && (data.shape[0] ?? 0) > 1;
}

/** The clock of a series, as spikes have it; undefined where it has none. */
export function seriesClock(group: GroupNode, file: string, path: string): object | undefined {
  if (arrayIn(group, 'timestamps')) return { clock: `${file}#${path}/timestamps` };
  const starting = arrayIn(group, 'starting_time');
  const rate = single(starting?.attributes.rate);
  if (!starting || typeof rate !== 'number' || !(rate > 0)) return undefined;
  return { dt: 1 / rate, start: Number((starting.read() as Numbers)[0]) };
}

/** An attribute that should be one value, which some files have as a list of one. */
export function single(attribute: unknown): unknown {
  return Array.isArray(attribute) && attribute.length === 1 ? attribute[0] : attribute;
}
