/** Arrays of the float64 reference: a shape and its numbers, row-major. */

export interface Ref {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

export function ref(shape: readonly number[], data?: ArrayLike<number>): Ref {
  const length = shape.reduce((product, n) => product * n, 1);
  return { shape, data: data ? Float64Array.from(data) : new Float64Array(length) };
}

export function like(a: Ref): Ref {
  return ref(a.shape);
}

/** Element by element. */
export function map(a: Ref, f: (value: number, n: number) => number): Ref {
  return { shape: a.shape, data: a.data.map(f) };
}

export function plus(a: Ref, b: Ref): Ref {
  return map(a, (value, n) => value + b.data[n]!);
}

/** The last axis, and how many rows of it there are. */
export function rowShape(a: Ref): { rows: number; width: number } {
  const width = a.shape.at(-1)!;
  return { rows: a.data.length / width, width };
}
