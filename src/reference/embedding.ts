/** Embeddings and positional codes in float64. */

import { like, map, type Ref, ref } from './array.js';

export interface EmbeddingRefs {
  /** [V, width] */
  table?: Ref;
  /** [..., T, width] */
  add?: Ref;
  /** [T' >= T, width] */
  positions?: Ref;
}

/** table[ids] + add + positions, out of `shape` [..., T, width]. */
export function embedding(
  { table, add, positions }: EmbeddingRefs,
  ids: ArrayLike<number>,
  shape: readonly number[],
): Ref {
  const width = shape.at(-1)!;
  const length = shape.at(-2)!;
  return map(ref(shape), (_, n) => {
    const row = Math.floor(n / width);
    const c = n % width;
    return (
      (table?.data[ids[row]! * width + c] ?? 0) +
      (add?.data[n] ?? 0) +
      (positions?.data[(row % length) * width + c] ?? 0)
    );
  });
}

export function embeddingBackward(
  { table, add, positions }: EmbeddingRefs,
  ids: ArrayLike<number>,
  dout: Ref,
): EmbeddingRefs {
  const width = dout.shape.at(-1)!;
  const length = dout.shape.at(-2)!;
  const dtable = table && like(table);
  const dpositions = positions && like(positions);
  for (const [n, value] of dout.data.entries()) {
    const row = Math.floor(n / width);
    const c = n % width;
    if (dtable) dtable.data[ids[row]! * width + c]! += value;
    if (dpositions) dpositions.data[(row % length) * width + c]! += value;
  }
  return {
    ...(dtable && { table: dtable }),
    ...(add && { add: dout }),
    ...(dpositions && { positions: dpositions }),
  };
}

/** The row numbers of `ids` sorted by id, ties in order, and where each id's rows begin. */
export function sortedRows(ids: readonly number[], vocabulary: number) {
  const order = ids.map((_, row) => row).sort((a, b) => ids[a]! - ids[b]! || a - b);
  const starts = Array.from(
    { length: vocabulary + 1 },
    (_, token) => ids.filter((id) => id < token).length,
  );
  return { order, starts };
}

/**
 * Sine and cosine interleaved, every axis with channels of its own.
 *
 * The angle is the f32 product of the f32 position and the f32 frequency: its rounding, up to 6e-8 of the angle,
 * belongs to the kernel's inputs, and past an angle of 10 would hide what is tested here, the sine itself.
 */
export function sinusoid(positions: Ref, width: number): Ref {
  const [rows, axes] = positions.shape as [number, number];
  const perAxis = 2 * Math.ceil(width / axes / 2);
  return map(ref([rows, width]), (_, n) => {
    const row = Math.floor(n / width);
    const axis = Math.floor((n % width) / perAxis);
    const channel = (n % width) % perAxis;
    const frequency = Math.fround(10000 ** ((-2 * Math.floor(channel / 2)) / perAxis));
    const angle = Math.fround(Math.fround(positions.data[row * axes + axis]!) * frequency);
    return channel % 2 === 0 ? Math.sin(angle) : Math.cos(angle);
  });
}
