/**
 * The tree of a data file's contents, whatever the file format: groups with named members, lists
 * with numbered items, and arrays whose values are read on demand.
 */

import type { RecordingError } from '../recording/errors.js';

/** Numbers in the narrowest array that holds them exactly; 64-bit integers are a Float64Array. */
export type Numbers =
  | Float64Array
  | Float32Array
  | Int32Array
  | Uint32Array
  | Int16Array
  | Uint16Array
  | Int8Array
  | Uint8Array;

/** Metadata of a group or an array, by name, such as the unit and conversion of an NWB dataset. */
export type Attributes = Readonly<Record<string, number | string | readonly (number | string)[]>>;

/**
 * An array in C order (the last axis varies fastest), in whatever order the file stores it. A
 * single value has the shape [].
 */
export interface ArrayNode {
  /** Distinguishes the three kinds of nodes. */
  readonly kind: 'array';
  /** Whether `read` returns numbers or strings. */
  readonly type: 'number' | 'text';
  /** Length of each axis, slowest first. */
  readonly shape: readonly number[];
  /** Metadata of the array; empty in formats without attributes. */
  readonly attributes: Attributes;
  /**
   * Reads rows `from` up to `to` of the first axis, by default all of them; a single value counts
   * as one row. The caller may change the returned array.
   *
   * @throws RecordingError where the file is damaged there, or its values cannot be used.
   */
  read(from?: number, to?: number): Numbers | string[];
}

/** Nodes by name: an HDF5 group, a MATLAB struct or file, an .npz archive, a table. */
export interface GroupNode {
  /** Distinguishes the three kinds of nodes. */
  readonly kind: 'group';
  /** The nodes in the group, in the order of the file. */
  readonly members: ReadonlyMap<string, DataNode>;
  /** Metadata of the group; empty in formats without attributes. */
  readonly attributes: Attributes;
}

/** Nodes by number: a MATLAB cell array or array of structs. */
export interface ListNode {
  /** Distinguishes the three kinds of nodes. */
  readonly kind: 'list';
  /** Length of each axis of the MATLAB array. */
  readonly shape: readonly number[];
  /** The nodes in MATLAB's order, in which the first axis varies fastest. */
  readonly items: readonly DataNode[];
}

/** One node of the tree. */
export type DataNode = ArrayNode | GroupNode | ListNode;

/** The number of values in an array of a shape: the product of its lengths. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, length) => product * length, 1);
}

/**
 * Stands for an array that the file contains but nobody can use. It throws `error` only when it is
 * read, so that the rest of the file stays usable.
 */
export function unreadableNode(error: RecordingError, shape: readonly number[] = []): ArrayNode {
  const read = () => {
    throw error;
  };
  return { kind: 'array', type: 'number', shape, attributes: {}, read };
}
