/** Every array of a file, in one list: what a guess at its contents looks at. */

import { type ArrayNode, type DataNode, elementCount, type Numbers } from '../formats/nodes.js';
import { RecordingError } from '../recording/errors.js';

/** Arrays of one path, in which `*` stands for every place of a list. */
export interface ArrayEntry {
  readonly path: string;
  readonly arrays: readonly ArrayNode[];
  /** Whether a list on the way has rows and columns, which may be neurons and trials. */
  readonly grid: boolean;
}

/** Every array of a file; those that differ in the place of a list only are one leaf. */
export function listArrays(root: DataNode): ArrayEntry[] {
  const found = new Map<string, ArrayNode[]>();
  const grids = new Set<string>();
  const walk = (part: DataNode, path: string, grid: boolean) => {
    if (part.kind === 'array') {
      if (grid) grids.add(path);
      const known = found.get(path);
      if (known) known.push(part);
      else found.set(path, [part]);
    } else if (part.kind === 'list') {
      const both = grid || part.shape.filter((n) => n > 1).length > 1;
      for (const item of part.items) walk(item, path ? `${path}/*` : '*', both);
    } else {
      for (const [name, member] of part.members)
        walk(member, path ? `${path}/${name}` : name, grid);
    }
  };
  walk(root, '', false);
  return [...found].map(([path, arrays]) => ({ path, arrays, grid: grids.has(path) }));
}

/** What a leaf is, in words: its path and shape. */
export function describeEntry({ path, arrays }: ArrayEntry): string {
  const [first] = arrays as [ArrayNode];
  const shape = first.shape.length > 0 ? ` [${first.shape.join(' x ')}]` : '';
  const text = first.type === 'text' ? ' text' : '';
  if (!path.includes('*')) return `${path || 'one array'}${shape}${text}`;
  return `${path} (${arrays.length} of them, the first${shape || ' a single value'}${text})`;
}

/** A leaf that is one array of numbers, and its values. */
export interface Vector {
  readonly path: string;
  readonly shape: readonly number[];
  readonly values: Numbers;
}

/** Values looked at to tell what an array is. */
export const MAX_VECTOR_VALUES = 2 ** 25;

/** One array of numbers, not too large to look at; nothing where it cannot be read. */
export function readVector({ path, arrays }: ArrayEntry): Vector[] {
  const [array, ...more] = arrays;
  if (!array || more.length > 0 || array.type !== 'number') return [];
  const { shape } = array;
  if (elementCount(shape) > MAX_VECTOR_VALUES || shape.includes(0)) return [];
  try {
    return [{ path, shape, values: array.read() as Numbers }];
  } catch (error) {
    // What cannot be used does not keep the rest from being understood.
    if (error instanceof RecordingError) return [];
    throw error;
  }
}
