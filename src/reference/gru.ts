/** A gated recurrent unit in float64, forward and backward through time. */

import { type Ref, ref } from './array.js';

export interface GruRefs {
  x: Ref;
  first: Ref;
  weightInput: Ref;
  biasInput: Ref;
  weightState: Ref;
  biasState: Ref;
}

/** [B, T]: a zero leaves the state as it is. */
type Mask = ArrayLike<number>;

const sigmoid = (v: number) => 1 / (1 + Math.exp(-v));

/** Everything one step of one row needs on the way back. */
interface Step {
  t: number;
  before: number[];
  r: number[];
  z: number[];
  n: number[];
  s: number[];
}

/** W v + b, W of [rows, v.length]. */
function affine(weight: Ref, bias: Ref, v: ArrayLike<number>): number[] {
  const [rows, width] = weight.shape as [number, number];
  return Array.from({ length: rows }, (_, i) => {
    let sum = bias.data[i]!;
    for (let k = 0; k < width; k++) sum += weight.data[i * width + k]! * v[k]!;
    return sum;
  });
}

/** The steps of row b in the order they are run. */
function run(inputs: GruRefs, b: number, reverse: boolean, mask?: Mask): Step[] {
  const [, T, width] = inputs.x.shape as [number, number, number];
  const H = inputs.first.shape[1]!;
  let h = [...inputs.first.data.subarray(b * H, (b + 1) * H)];
  return Array.from({ length: T }, (_, step) => {
    const t = reverse ? T - 1 - step : step;
    const at = (b * T + t) * width;
    const fromInput = affine(
      inputs.weightInput,
      inputs.biasInput,
      inputs.x.data.subarray(at, at + width),
    );
    const fromState = affine(inputs.weightState, inputs.biasState, h);
    const before = h;
    const r = before.map((_, j) => sigmoid(fromInput[j]! + fromState[j]!));
    const skipped = mask?.[b * T + t] === 0;
    const z = before.map((_, j) => (skipped ? 1 : sigmoid(fromInput[H + j]! + fromState[H + j]!)));
    const s = before.map((_, j) => fromState[2 * H + j]!);
    const n = before.map((_, j) => Math.tanh(fromInput[2 * H + j]! + r[j]! * s[j]!));
    h = before.map((value, j) => (1 - z[j]!) * n[j]! + z[j]! * value);
    return { t, before, r, z, n, s };
  });
}

export function gru(inputs: GruRefs, reverse: boolean, mask?: Mask): Ref {
  const [B, T] = inputs.x.shape as [number, number];
  const H = inputs.first.shape[1]!;
  const out = ref([B, T, H]);
  for (let b = 0; b < B; b++) {
    for (const { t, before, z, n } of run(inputs, b, reverse, mask)) {
      const after = before.map((value, j) => (1 - z[j]!) * n[j]! + z[j]! * value);
      out.data.set(after, (b * T + t) * H);
    }
  }
  return out;
}

/** Adds the gradients of W v + b to dW, db and dv. */
function affineBackward(
  dy: readonly number[],
  weight: Ref,
  v: ArrayLike<number>,
  dWeight: Ref,
  dBias: Ref,
  dv: Float64Array,
): void {
  const width = weight.shape[1]!;
  for (const [i, d] of dy.entries()) {
    dBias.data[i]! += d;
    for (let k = 0; k < width; k++) {
      dWeight.data[i * width + k]! += d * v[k]!;
      dv[k]! += d * weight.data[i * width + k]!;
    }
  }
}

export function gruBackward(inputs: GruRefs, dout: Ref, reverse: boolean, mask?: Mask): GruRefs {
  const [B, T, width] = inputs.x.shape as [number, number, number];
  const H = inputs.first.shape[1]!;
  const gradients = Object.fromEntries(
    Object.entries(inputs).map(([name, value]) => [name, ref((value as Ref).shape)]),
  ) as unknown as GruRefs;
  for (let b = 0; b < B; b++) {
    let carried = new Float64Array(H);
    for (const { t, before, r, z, n, s } of run(inputs, b, reverse, mask).reverse()) {
      const dh = carried.map((value, j) => value + dout.data[(b * T + t) * H + j]!);
      const dn = before.map((_, j) => dh[j]! * (1 - z[j]!) * (1 - n[j]! ** 2));
      const dz = before.map((h, j) => dh[j]! * (h - n[j]!) * z[j]! * (1 - z[j]!));
      const dr = before.map((_, j) => dn[j]! * s[j]! * r[j]! * (1 - r[j]!));
      const next = dh.map((value, j) => value * z[j]!);
      const at = (b * T + t) * width;
      affineBackward(
        [...dr, ...dz, ...dn],
        inputs.weightInput,
        inputs.x.data.subarray(at, at + width),
        gradients.weightInput,
        gradients.biasInput,
        gradients.x.data.subarray(at, at + width),
      );
      affineBackward(
        [...dr, ...dz, ...dn.map((value, j) => value * r[j]!)],
        inputs.weightState,
        before,
        gradients.weightState,
        gradients.biasState,
        next,
      );
      carried = next;
    }
    gradients.first.data.set(carried, b * H);
  }
  return gradients;
}
