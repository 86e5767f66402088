/** A gated recurrent unit in float64, with backpropagation through time. */

import { type Ref, ref } from './array.js';

/**
 * The inputs of a GRU, or their gradients; rows of weights in the order reset gate, update gate,
 * new state.
 */
export interface GruRefs {
  /** [B, T, in] */
  x: Ref;
  /** The state before the first step, [B, H]. */
  initial: Ref;
  /** [3 * H, in] */
  weightInput: Ref;
  /** [3 * H] */
  biasInput: Ref;
  /** [3 * H, H] */
  weightState: Ref;
  /** [3 * H] */
  biasState: Ref;
}

/** [B, T]; 0 keeps the state unchanged. */
type Mask = ArrayLike<number>;

const sigmoid = (v: number) => 1 / (1 + Math.exp(-v));

/**
 * What the backward pass needs of one step of one batch row: its position, the previous state, and
 * r, z, n, U_n h.
 */
interface Step {
  t: number;
  previous: number[];
  r: number[];
  z: number[];
  n: number[];
  s: number[];
}

/** W v + b, with W [rows, v.length]. */
function affine(weight: Ref, bias: Ref, v: ArrayLike<number>): number[] {
  const [rows, width] = weight.shape as [number, number];
  return Array.from({ length: rows }, (_, i) => {
    let sum = bias.data[i]!;
    for (let k = 0; k < width; k++) sum += weight.data[i * width + k]! * v[k]!;
    return sum;
  });
}

/** The steps of batch row b, in the order of their computation. */
function run(inputs: GruRefs, b: number, reverse: boolean, mask?: Mask): Step[] {
  const [, T, width] = inputs.x.shape as [number, number, number];
  const H = inputs.initial.shape[1]!;
  let h = [...inputs.initial.data.subarray(b * H, (b + 1) * H)];
  return Array.from({ length: T }, (_, step) => {
    const t = reverse ? T - 1 - step : step;
    const offset = (b * T + t) * width;
    const fromInput = affine(
      inputs.weightInput,
      inputs.biasInput,
      inputs.x.data.subarray(offset, offset + width),
    );
    const fromState = affine(inputs.weightState, inputs.biasState, h);
    const previous = h;
    const r = previous.map((_, j) => sigmoid(fromInput[j]! + fromState[j]!));
    const skipped = mask?.[b * T + t] === 0;
    const z = previous.map((_, j) =>
      skipped ? 1 : sigmoid(fromInput[H + j]! + fromState[H + j]!),
    );
    const s = previous.map((_, j) => fromState[2 * H + j]!);
    const n = previous.map((_, j) => Math.tanh(fromInput[2 * H + j]! + r[j]! * s[j]!));
    h = previous.map((value, j) => (1 - z[j]!) * n[j]! + z[j]! * value);
    return { t, previous, r, z, n, s };
  });
}

/** The states after each position, [B, T, H]. */
export function gru(inputs: GruRefs, reverse: boolean, mask?: Mask): Ref {
  const [B, T] = inputs.x.shape as [number, number];
  const H = inputs.initial.shape[1]!;
  const out = ref([B, T, H]);
  for (let b = 0; b < B; b++) {
    for (const { t, previous, z, n } of run(inputs, b, reverse, mask)) {
      const state = previous.map((value, j) => (1 - z[j]!) * n[j]! + z[j]! * value);
      out.data.set(state, (b * T + t) * H);
    }
  }
  return out;
}

/** Adds the gradients of W v + b to `dWeight`, `dBias` and `dv`. */
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

/** The gradients of all inputs, given that of the states. */
export function gruBackward(inputs: GruRefs, dout: Ref, reverse: boolean, mask?: Mask): GruRefs {
  const [B, T, width] = inputs.x.shape as [number, number, number];
  const H = inputs.initial.shape[1]!;
  const gradients = Object.fromEntries(
    Object.entries(inputs).map(([name, value]) => [name, ref((value as Ref).shape)]),
  ) as unknown as GruRefs;
  for (let b = 0; b < B; b++) {
    let dstate = new Float64Array(H);
    for (const { t, previous, r, z, n, s } of run(inputs, b, reverse, mask).reverse()) {
      const dh = dstate.map((value, j) => value + dout.data[(b * T + t) * H + j]!);
      const dn = previous.map((_, j) => dh[j]! * (1 - z[j]!) * (1 - n[j]! ** 2));
      const dz = previous.map((h, j) => dh[j]! * (h - n[j]!) * z[j]! * (1 - z[j]!));
      const dr = previous.map((_, j) => dn[j]! * s[j]! * r[j]! * (1 - r[j]!));
      const dprevious = dh.map((value, j) => value * z[j]!);
      const offset = (b * T + t) * width;
      affineBackward(
        [...dr, ...dz, ...dn],
        inputs.weightInput,
        inputs.x.data.subarray(offset, offset + width),
        gradients.weightInput,
        gradients.biasInput,
        gradients.x.data.subarray(offset, offset + width),
      );
      affineBackward(
        [...dr, ...dz, ...dn.map((value, j) => value * r[j]!)],
        inputs.weightState,
        previous,
        gradients.weightState,
        gradients.biasState,
        dprevious,
      );
      dstate = dprevious;
    }
    gradients.initial.data.set(dstate, b * H);
  }
  return gradients;
}
