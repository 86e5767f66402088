/** Finds and reads the groups of an NWB file. */

import type { ArrayNode, DataNode, GroupNode, Numbers } from '../formats/nodes.js';
import { RecordingError } from '../recording/errors.js';
import { isRecord } from '../text/schema.js';

/** A group of an NWB file and its position in the file. */
export interface NamedGroup {
  /** Names from the root, joined by slashes. */
  readonly path: string;
  /** The last name of the path. */
  readonly name: string;
  readonly group: GroupNode;
  /** Its neurodata type and those that it inherits from; empty where it has none. */
  readonly types: readonly string[];
  /** The neurodata types of the groups that contain it, and those that they inherit from. */
  readonly parentTypes: readonly string[];
}

/** Neurodata types of series that contain the traces of neurons. */
export const TRACE_TYPES = ['RoiResponseSeries'];

/**
 * Lists all groups of a file, parents before children, except the cached specifications of the
 * format.
 */
export function listGroups(root: GroupNode): NamedGroup[] {
  const inheritance = readInheritance(root);
  const below = (group: GroupNode, path: string, parentTypes: readonly string[]): NamedGroup[] =>
    [...group.members].flatMap(([name, node]) => {
      if (node.kind !== 'group' || name === 'specifications') return [];
      const childPath = path ? `${path}/${name}` : name;
      const types = typesOf(node, inheritance);
      const child = { path: childPath, name, group: node, types, parentTypes };
      return [child, ...below(node, childPath, [...parentTypes, ...types])];
    });
  return below(root, '', []);
}

/** Whether a group is of a neurodata type, or of one that inherits from it. */
export function isOfType({ types }: NamedGroup, type: string): boolean {
  return types.includes(type);
}

/** Types that others are known by where the file does not say what they inherit from. */
const BASE_TYPES = [
  'TimeIntervals',
  'DynamicTable',
  'RoiResponseSeries',
  'ElectricalSeries',
  'ImageSeries',
  'IntervalSeries',
  'AnnotationSeries',
  'SpatialSeries',
  'TimeSeries',
];

/** The neurodata type of a group, then those that it inherits from. */
function typesOf({ attributes }: GroupNode, inheritance: ReadonlyMap<string, string>): string[] {
  const own = unwrapSingle(attributes.neurodata_type);
  if (typeof own !== 'string' || own === '') return [];
  const types = [own];
  for (let parent = inheritance.get(own); parent !== undefined; parent = inheritance.get(parent)) {
    if (types.includes(parent)) break;
    types.push(parent);
  }
  // An extension may be called after its base, as LabTimeIntervals is.
  const base = BASE_TYPES.find((type) => own.endsWith(type));
  return base === undefined || types.includes(base) ? types : [...types, base];
}

/** What each neurodata type inherits from, by the specifications that the file has of itself. */
function readInheritance(root: GroupNode): Map<string, string> {
  const inheritance = new Map<string, string>();
  const addAll = (value: unknown) => {
    if (Array.isArray(value)) for (const item of value) addAll(item);
    else if (isRecord(value)) {
      const { neurodata_type_def: type, neurodata_type_inc: base } = value;
      const [hdmfType, hdmfBase] = [value.data_type_def ?? type, value.data_type_inc ?? base];
      if (typeof hdmfType === 'string' && typeof hdmfBase === 'string')
        inheritance.set(hdmfType, hdmfBase);
      for (const item of Object.values(value)) if (typeof item === 'object') addAll(item);
    }
  };
  const visit = (node: DataNode) => {
    if (node.kind === 'group') for (const member of node.members.values()) visit(member);
    else if (node.kind === 'array' && node.type === 'text') addAll(parseSpecification(node));
  };
  const specifications = root.members.get('specifications');
  if (specifications) visit(specifications);
  return inheritance;
}

/** A specification; undefined where it cannot be read. */
function parseSpecification(node: ArrayNode): unknown {
  try {
    return JSON.parse(String(node.read()[0]));
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof RecordingError) return undefined;
    throw error;
  }
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
