/** Sequences [B, T, width] in float64: concatenation, slices, means over positions. */

import { like, type Ref, ref } from './array.js';

type Sizes = [B: number, T: number, width: number];

/** Where position t of batch row b begins. */
function at({ shape }: Ref, b: number, t: number): number {
  const [, T, width] = shape as Sizes;
  return (b * T + t) * width;
}

export function slice(x: Ref, start: number, length: number): Ref {
  const [B, , width] = x.shape as Sizes;
  const out = ref([B, length, width]);
  for (let b = 0; b < B; b++) {
    const run = x.data.subarray(at(x, b, start), at(x, b, start) + length * width);
    out.data.set(run, at(out, b, 0));
  }
  return out;
}

/** The gradient of x, zero outside the slice. */
export function sliceBackward(x: Ref, start: number, dout: Ref): Ref {
  const [B, length, width] = dout.shape as Sizes;
  const dx = like(x);
  for (let b = 0; b < B; b++) {
    const run = dout.data.subarray(at(dout, b, 0), at(dout, b, 0) + length * width);
    dx.data.set(run, at(dx, b, start));
  }
  return dx;
}

export function concatenate(parts: readonly Ref[]): Ref {
  const [B, , width] = parts[0]!.shape as Sizes;
  const out = ref([B, parts.reduce((sum, part) => sum + part.shape[1]!, 0), width]);
  let start = 0;
  for (const part of parts) {
    for (let b = 0; b < B; b++) {
      const run = part.data.subarray(at(part, b, 0), at(part, b + 1, 0));
      out.data.set(run, at(out, b, start));
    }
    start += part.shape[1]!;
  }
  return out;
}

export function concatenateBackward(parts: readonly Ref[], dout: Ref): Ref[] {
  let start = 0;
  return parts.map((part) => {
    const length = part.shape[1]!;
    start += length;
    return slice(dout, start - length, length);
  });
}

/** How many positions of batch row b count. */
function unmaskedCount(mask: ArrayLike<number> | undefined, b: number, T: number): number {
  let count = 0;
  for (let t = 0; t < T; t++) if (mask?.[b * T + t] !== 0) count += 1;
  return count;
}

/** The mean over the positions whose mask is not 0; 0 where there are none. */
export function meanPool(x: Ref, mask?: ArrayLike<number>): Ref {
  const [B, T, width] = x.shape as Sizes;
  const out = ref([B, width]);
  for (let b = 0; b < B; b++) {
    const count = unmaskedCount(mask, b, T);
    for (let t = 0; t < T; t++) {
      if (mask?.[b * T + t] === 0) continue;
      for (let c = 0; c < width; c++) out.data[b * width + c]! += x.data[at(x, b, t) + c]! / count;
    }
  }
  return out;
}

export function meanPoolBackward(x: Ref, mask: ArrayLike<number> | undefined, dout: Ref): Ref {
  const [B, T, width] = x.shape as Sizes;
  const dx = like(x);
  for (let b = 0; b < B; b++) {
    const count = unmaskedCount(mask, b, T);
    for (let t = 0; t < T; t++) {
      if (mask?.[b * T + t] === 0) continue;
      for (let c = 0; c < width; c++) dx.data[at(x, b, t) + c] = dout.data[b * width + c]! / count;
    }
  }
  return dx;
}
