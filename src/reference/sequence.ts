/**
 * Operations on sequences [B, T, width] in float64: concatenation, slices, means over positions.
 */

import { type Ref, ref, zerosLike } from './array.js';

type Sizes = [B: number, T: number, width: number];

/** The offset of position t of batch row b. */
function offset({ shape }: Ref, b: number, t: number): number {
  const [, T, width] = shape as Sizes;
  return (b * T + t) * width;
}

/** Positions start .. start + length - 1. */
export function slice(x: Ref, start: number, length: number): Ref {
  const [B, , width] = x.shape as Sizes;
  const out = ref([B, length, width]);
  for (let b = 0; b < B; b++) {
    const positions = x.data.subarray(offset(x, b, start), offset(x, b, start) + length * width);
    out.data.set(positions, offset(out, b, 0));
  }
  return out;
}

/** The gradient of x, zero outside the slice. */
export function sliceBackward(x: Ref, start: number, dout: Ref): Ref {
  const [B, length, width] = dout.shape as Sizes;
  const dx = zerosLike(x);
  for (let b = 0; b < B; b++) {
    const positions = dout.data.subarray(offset(dout, b, 0), offset(dout, b, 0) + length * width);
    dx.data.set(positions, offset(dx, b, start));
  }
  return dx;
}

/** The sequences joined along T. */
export function concatenate(parts: readonly Ref[]): Ref {
  const [B, , width] = parts[0]!.shape as Sizes;
  const out = ref([B, parts.reduce((sum, part) => sum + part.shape[1]!, 0), width]);
  let start = 0;
  for (const part of parts) {
    for (let b = 0; b < B; b++) {
      const positions = part.data.subarray(offset(part, b, 0), offset(part, b + 1, 0));
      out.data.set(positions, offset(out, b, start));
    }
    start += part.shape[1]!;
  }
  return out;
}

/** The gradients of the sequences, given that of the joined one. */
export function concatenateBackward(parts: readonly Ref[], dout: Ref): Ref[] {
  let start = 0;
  return parts.map((part) => {
    const length = part.shape[1]!;
    start += length;
    return slice(dout, start - length, length);
  });
}

/** The number of positions of batch row b that are not masked. */
function unmaskedCount(mask: ArrayLike<number> | undefined, b: number, T: number): number {
  let count = 0;
  for (let t = 0; t < T; t++) if (mask?.[b * T + t] !== 0) count += 1;
  return count;
}

/** The mean over the positions whose mask is not 0. The mean over no positions is 0. */
export function meanPool(x: Ref, mask?: ArrayLike<number>): Ref {
  const [B, T, width] = x.shape as Sizes;
  const out = ref([B, width]);
  for (let b = 0; b < B; b++) {
    const count = unmaskedCount(mask, b, T);
    for (let t = 0; t < T; t++) {
      if (mask?.[b * T + t] === 0) continue;
      for (let c = 0; c < width; c++)
        out.data[b * width + c]! += x.data[offset(x, b, t) + c]! / count;
    }
  }
  return out;
}

/** The gradient of x, given that of the mean. */
export function meanPoolBackward(x: Ref, mask: ArrayLike<number> | undefined, dout: Ref): Ref {
  const [B, T, width] = x.shape as Sizes;
  const dx = zerosLike(x);
  for (let b = 0; b < B; b++) {
    const count = unmaskedCount(mask, b, T);
    for (let t = 0; t < T; t++) {
      if (mask?.[b * T + t] === 0) continue;
      for (let c = 0; c < width; c++)
        dx.data[offset(x, b, t) + c] = dout.data[b * width + c]! / count;
    }
  }
  return dx;
}

/** x + row at every position; row is [B, width]. */
export function addRow(x: Ref, row: Ref): Ref {
  const [B, T, width] = x.shape as Sizes;
  const out = ref([B, T, width], x.data);
  for (let b = 0; b < B; b++)
    for (let t = 0; t < T; t++)
      for (let c = 0; c < width; c++) out.data[offset(x, b, t) + c]! += row.data[b * width + c]!;
  return out;
}

/** The gradient of the row, given that of the sum. */
export function addRowBackward(dout: Ref): Ref {
  const [B, T, width] = dout.shape as Sizes;
  const drow = ref([B, width]);
  for (let b = 0; b < B; b++)
    for (let t = 0; t < T; t++)
      for (let c = 0; c < width; c++)
        drow.data[b * width + c]! += dout.data[offset(dout, b, t) + c]!;
  return drow;
}
