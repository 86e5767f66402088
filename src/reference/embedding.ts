/** Embeddings and positional encodings in float64. */

import { map, type Ref, ref, zerosLike } from './array.js';

/** The inputs of an embedding, or their gradients. */
export interface EmbeddingRefs {
  /** [V, width] */
  table?: Ref;
  /** [..., T, width] */
  add?: Ref;
  /** [T', width] with T' >= T */
  positions?: Ref;
}

/** table[ids] + add + positions, with the shape [..., T, width]. */
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

/** The gradients of the inputs that are present, given that of the output. */
export function embeddingBackward(
  { table, add, positions }: EmbeddingRefs,
  ids: ArrayLike<number>,
  dout: Ref,
): EmbeddingRefs {
  const width = dout.shape.at(-1)!;
  const length = dout.shape.at(-2)!;
  const dtable = table && zerosLike(table);
  const dpositions = positions && zerosLike(positions);
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

/** The indices of `ids` sorted by id and then by index, and where the indices of each id start. */
export function sortedRows(ids: readonly number[], vocabulary: number) {
  const order = ids.map((_, row) => row).sort((a, b) => ids[a]! - ids[b]! || a - b);
  const starts = Array.from(
    { length: vocabulary + 1 },
    (_, token) => ids.filter((id) => id < token).length,
  );
  return { order, starts };
}

/**
 * Sinusoidal positional encodings, sines and cosines interleaved, with separate channels for each
 * axis.
 *
 * The angle is the f32 product of the f32 position and the f32 frequency. Its rounding, up to 6e-8
 * of the angle, belongs to the kernel's inputs. At angles above 10 it would hide errors of the
 * sine, which is what the tests are about.
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
