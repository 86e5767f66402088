/** Arrays of the float64 reference. */

/** An array of the reference. */
export interface Ref {
  /** The length of each axis. */
  readonly shape: readonly number[];
  /** The elements, row-major. */
  readonly data: Float64Array;
}

/** An array with this shape and these elements; zeros by default. */
export function ref(shape: readonly number[], data?: ArrayLike<number>): Ref {
  const length = shape.reduce((product, n) => product * n, 1);
  return { shape, data: data ? Float64Array.from(data) : new Float64Array(length) };
}

/** Zeros with the shape of an array. */
export function zerosLike(a: Ref): Ref {
  return ref(a.shape);
}

/** f of each element and its index. */
export function map(a: Ref, f: (value: number, n: number) => number): Ref {
  return { shape: a.shape, data: a.data.map(f) };
}

/** a + b, which have the same shape. */
export function plus(a: Ref, b: Ref): Ref {
  return map(a, (value, n) => value + b.data[n]!);
}

/** The length of the last axis, and the number of rows with that length. */
export function rowShape(a: Ref): { rows: number; width: number } {
  const width = a.shape.at(-1)!;
  return { rows: a.data.length / width, width };
}
