/** Lists every array of an opened file, so that a guess can be made at what the file contains. */

import { type ArrayNode, type DataNode, elementCount, type Numbers } from '../formats/nodes.js';
import { RecordingError } from '../recording/errors.js';

/** The arrays that share one path, in which `*` stands for any index of a list. */
export interface ArrayEntry {
  /** Names joined by slashes, as in a reference; empty where the file is a single array. */
  readonly path: string;
  /** One array where the path has no `*`; else one per list item, in list order. */
  readonly arrays: readonly ArrayNode[];
  /** Whether a list on the path is two-dimensional, so that its axes may be neurons and trials. */
  readonly inGrid: boolean;
}

/** Lists all arrays below a node. Arrays whose paths differ only in list indices share an entry. */
export function listArrays(root: DataNode): ArrayEntry[] {
  const arraysByPath = new Map<string, ArrayNode[]>();
  const gridPaths = new Set<string>();
  const visit = (node: DataNode, path: string, inGrid: boolean) => {
    if (node.kind === 'array') {
      if (inGrid) gridPaths.add(path);
      const samePath = arraysByPath.get(path);
      if (samePath) samePath.push(node);
      else arraysByPath.set(path, [node]);
    } else if (node.kind === 'list') {
      const isGrid = node.shape.filter((length) => length > 1).length > 1;
      for (const item of node.items) visit(item, path ? `${path}/*` : '*', inGrid || isGrid);
    } else {
      for (const [name, member] of node.members)
        visit(member, path ? `${path}/${name}` : name, inGrid);
    }
  };
  visit(root, '', false);
  return [...arraysByPath].map(([path, arrays]) => ({
    path,
    arrays,
    inGrid: gridPaths.has(path),
  }));
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
