/** Finds and reads the groups of an NWB file. */

import type { ArrayNode, GroupNode, Numbers } from '../formats/nodes.js';
import { RecordingError } from '../recording/errors.js';

/** A group of an NWB file and its position in the file. */
export interface NamedGroup {
  /** Names from the root, joined by slashes. */
  readonly path: string;
  /** The last name of the path. */
  readonly name: string;
  readonly group: GroupNode;
  /** The neurodata types of the groups that contain it, outermost first. */
  readonly parentTypes: readonly string[];
}

/** Neurodata types of series that contain the traces of neurons. */
export const TRACE_TYPES = ['RoiResponseSeries'];

/**
 * Lists all groups below a group, parents before children, except the cached specifications of the
 * format.
 */
export function listGroups(
  group: GroupNode,
  path = '',
  parentTypes: readonly string[] = [],
): NamedGroup[] {
  return [...group.members].flatMap(([name, node]) => {
    if (node.kind !== 'group' || name === 'specifications') return [];
    const childPath = path ? `${path}/${name}` : name;
    const child = { path: childPath, name, group: node, parentTypes };
    return [child, ...listGroups(node, childPath, [...parentTypes, neurodataType(node)])];
  });
}

/** The NWB type of a group, such as `TimeSeries`; an empty text where it has none. */
export function neurodataType({ attributes }: GroupNode): string {
  return typeof attributes.neurodata_type === 'string' ? attributes.neurodata_type : '';
}

/** The member of a group that has a name; undefined where there is none or it is not an array. */
export function arrayMember(group: GroupNode, name: string): ArrayNode | undefined {
  const node = group.members.get(name);
  return node?.kind === 'array' ? node : undefined;
}

/** Whether an array can be read. Tables also have columns of object references, which cannot. */
export function isReadable(array: ArrayNode): boolean {
  try {
    array.read(0, 1);
    return true;
  } catch (error) {
    if (error instanceof RecordingError) return false;
    throw error;
  }
}

/** Whether a series has at least two numeric samples. */
export function hasSamples(group: GroupNode): boolean {
  const data = arrayMember(group, 'data');
  return data?.type === 'number' && (data.shape[0] ?? 0) > 1;
}

/**
 * The clock of a series, in the keys of `spikes` in dataset.yaml: `clock` where it has timestamps,
 * `dt` and `start` where it has a rate.
 *
 * @returns undefined where it has neither.
 */
export function seriesClock(group: GroupNode, file: string, path: string): object | undefined {
  if (arrayMember(group, 'timestamps')) return { clock: `${file}#${path}/timestamps` };
  const startingTime = arrayMember(group, 'starting_time');
  const rate = unwrapSingle(startingTime?.attributes.rate);
  if (!startingTime || typeof rate !== 'number' || !(rate > 0)) return undefined;
  return { dt: 1 / rate, start: Number((startingTime.read() as Numbers)[0]) };
}

/** The value of an attribute that some files store as a list of one value. */
export function unwrapSingle(attribute: unknown): unknown {
  return Array.isArray(attribute) && attribute.length === 1 ? attribute[0] : attribute;
}
