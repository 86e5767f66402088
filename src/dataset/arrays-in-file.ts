/** Lists every array of an opened file, so that a guess can be made at what the file contains. */

import { type ArrayNode, type DataNode, elementCount, type Numbers } from '../formats/nodes.js';
import { RecordingError } from '../recording/errors.js';
import type { GridMatch } from './reference.js';

/** The arrays that share one path, in which `*` stands for any index of a list. */
export interface ArrayEntry {
  /** Names joined by slashes, as in a reference; empty where the file is a single array. */
  readonly path: string;
  /** One array where the path has no `*`; else one per list item, in list order. */
  readonly arrays: readonly ArrayNode[];
  /** For each array, what `GridMatch` says: its index in each list, and the list's axes. */
  readonly stars: readonly GridMatch['stars'][];
}

/** Lists all arrays below a node. Arrays whose paths differ only in list indices share an entry. */
export function listArrays(root: DataNode): ArrayEntry[] {
  const byPath = new Map<string, { arrays: ArrayNode[]; stars: GridMatch['stars'][] }>();
  const visit = (node: DataNode, path: string, stars: GridMatch['stars']) => {
    if (node.kind === 'array') {
      const entry = byPath.get(path) ?? { arrays: [], stars: [] };
      entry.arrays.push(node);
      entry.stars.push(stars);
      byPath.set(path, entry);
    } else if (node.kind === 'list') {
      for (const [index, item] of node.items.entries())
        visit(item, path ? `${path}/*` : '*', [...stars, { index, shape: node.shape }]);
    } else {
      for (const [name, member] of node.members)
        visit(member, path ? `${path}/${name}` : name, stars);
    }
  };
  visit(root, '', []);
  return [...byPath].map(([path, entry]) => ({ path, ...entry }));
}

/** An entry in the words of a message: its path, its shape, and whether it contains text. */
export function formatEntry({ path, arrays }: ArrayEntry): string {
  const [array] = arrays as [ArrayNode];
  const shape = array.shape.length > 0 ? ` [${array.shape.join(' x ')}]` : '';
  const text = array.type === 'text' ? ' text' : '';
  if (!path.includes('*')) return `${path || 'one array'}${shape}${text}`;
  return `${path} (${arrays.length} arrays, the first${shape || ' a single value'}${text})`;
}

/** A numeric array of any shape that has been read. */
export interface NumericArray {
  /** Names joined by slashes, as in a reference; empty where the file is a single array. */
  readonly path: string;
  readonly shape: readonly number[];
  /** In C order. */
  readonly values: Numbers;
}

/** Why a single array of numbers cannot be read; undefined where it can, or is anything else. */
export function unreadable({ arrays: [array, ...others] }: ArrayEntry): string | undefined {
  if (!array || others.length > 0 || array.type !== 'number') return undefined;
  try {
    array.read(0, 0);
    return undefined;
  } catch (error) {
    if (error instanceof RecordingError) return error.message;
    throw error;
  }
}

/** Larger arrays are not read to guess what they contain. */
export const MAX_INSPECTED_VALUES = 2 ** 25;

/**
 * Reads an entry that is a single numeric array.
 *
 * @returns a list of one array; an empty list where the entry is anything else, is empty, is too
 *   large or cannot be read.
 */
export function readNumericArray({ path, arrays }: ArrayEntry): NumericArray[] {
  const [array, ...others] = arrays;
  if (!array || others.length > 0 || array.type !== 'number') return [];
  const { shape } = array;
  if (elementCount(shape) > MAX_INSPECTED_VALUES || shape.includes(0)) return [];
  try {
    return [{ path, shape, values: array.read() as Numbers }];
  } catch (error) {
    // One unreadable array should not keep the rest of the file from being recognized.
    if (error instanceof RecordingError) return [];
    throw error;
  }
}
