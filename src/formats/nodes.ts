/** What is inside a file, whatever its format: groups by name, lists by number, and arrays that are read when asked for. */

import type { RecordingError } from '../recording/errors.js';

/** Numbers in the narrowest array that keeps them exactly; 64-bit integers are Float64Array. */
export type Numbers =
  | Float64Array
  | Float32Array
  | Int32Array
  | Uint32Array
  | Int16Array
  | Uint16Array
  | Int8Array
  | Uint8Array;

/** What a file says of a part besides its values, such as NWB's unit and conversion. */
export type Attributes = Readonly<Record<string, number | string | readonly (number | string)[]>>;

/** An array in C order: the last axis runs fastest, whatever order the file has. A single value has the shape []. */
export interface ArrayNode {
  readonly kind: 'array';
  readonly type: 'number' | 'text';
  readonly shape: readonly number[];
  readonly attributes: Attributes;
  /**
   * Reads places `from` up to `to` along the first axis; default: all. Of a single value there is one place. What it
   * returns is the caller's to change.
   *
   * @throws RecordingError where the file is damaged there.
   */
  read(from?: number, to?: number): Numbers | string[];
}

/** A folder of a file: an HDF5 group, a MATLAB struct, an archive. */
export interface GroupNode {
  readonly kind: 'group';
  readonly members: ReadonlyMap<string, DataNode>;
  readonly attributes: Attributes;
}

/** Parts by number: a MATLAB cell or array of structs, in MATLAB's own order (columns one after the other). */
export interface ListNode {
  readonly kind: 'list';
  readonly shape: readonly number[];
  readonly items: readonly DataNode[];
}

export type DataNode = ArrayNode | GroupNode | ListNode;

/** How many values an array has. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, n) => product * n, 1);
}

/** An array that the format holds and nobody can use: its complaint comes when it is read, and only then. */
export function unreadableNode(error: RecordingError, shape: readonly number[] = []): ArrayNode {
  const read = () => {
    throw error;
  };
  return { kind: 'array', type: 'number', shape, attributes: {}, read };
}
