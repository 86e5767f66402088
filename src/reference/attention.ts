/** Multi-head attention in float64, with an explicit matrix of probabilities. */

import { type Ref, ref, zerosLike } from './array.js';

/** The inputs of attention, or their gradients; width = H * D. */
export interface AttentionRefs {
  /** [B, T, width] */
  query: Ref;
  /** [B, S, width] */
  key: Ref;
  /** [B, S, width] */
  value: Ref;
}

/** The options of attention, as in AttentionOptions of src/tensor. */
export interface AttentionSetup {
  /** Number of heads. */
  heads: number;
  /** Query i sees only keys 0 .. i. */
  causal?: boolean;
  /** [B, S], zero where a key is hidden. */
  mask?: ArrayLike<number> | undefined;
  /** Uses only the k largest scores of each row, and those equal to the k-th. */
  topK?: number | undefined;
  /** Dropout: the factor of the probability at score row (b * heads + h) * T + i and key j. */
  keep?: ((row: number, key: number) => number) | undefined;
}

interface Sizes {
  B: number;
  T: number;
  S: number;
  H: number;
  D: number;
}

function attentionSizes({ query, key }: AttentionRefs, { heads }: AttentionSetup): Sizes {
  const [B, T, width] = query.shape as [number, number, number];
  return { B, T, S: key.shape[1]!, H: heads, D: width / heads };
}

/** The probabilities p [B, H, T, S]. A row whose keys are all hidden is zero. */
export function probabilities(refs: AttentionRefs, setup: AttentionSetup): Ref {
  const { B, T, S, H, D } = attentionSizes(refs, setup);
  const p = ref([B, H, T, S]);
  for (let row = 0; row < B * H * T; row++) {
    const i = row % T;
    const h = Math.floor(row / T) % H;
    const b = Math.floor(row / (T * H));
    const scores = Array.from({ length: S }, (_, j) => {
      if ((setup.causal && j > i) || setup.mask?.[b * S + j] === 0) return -Infinity;
      let sum = 0;
      for (let d = 0; d < D; d++) {
        const q = refs.query.data[((b * T + i) * H + h) * D + d]!;
        sum += q * refs.key.data[((b * S + j) * H + h) * D + d]!;
      }
      return sum / Math.sqrt(D);
    });
    const { topK } = setup;
    const threshold = topK && topK < S ? [...scores].sort((x, y) => y - x)[topK - 1]! : -Infinity;
    const visible = scores.map((s) => (s >= threshold ? s : -Infinity));
    const maximum = Math.max(...visible);
    if (maximum === -Infinity) continue;
    const total = visible.reduce((sum, s) => sum + Math.exp(s - maximum), 0);
    for (let j = 0; j < S; j++) p.data[row * S + j] = Math.exp(visible[j]! - maximum) / total;
  }
  return p;
}

/** softmax(q k^T / sqrt(D)) v per head, [B, T, width]. */
export function attention(refs: AttentionRefs, setup: AttentionSetup): Ref {
  const { B, T, S, H, D } = attentionSizes(refs, setup);
  const p = probabilities(refs, setup);
  const out = zerosLike(refs.query);
  for (let row = 0; row < B * H * T; row++) {
    const { q, k } = offsets(row, { B, T, S, H, D });
    for (let j = 0; j < S; j++) {
      const weight = p.data[row * S + j]! * (setup.keep?.(row, j) ?? 1);
      for (let d = 0; d < D; d++) out.data[q + d]! += weight * refs.value.data[k + j * H * D + d]!;
    }
  }
  return out;
}

/** The gradients of query, key and value, given that of the output. */
export function attentionBackward(
  refs: AttentionRefs,
  setup: AttentionSetup,
  dout: Ref,
): AttentionRefs {
  const sizes = attentionSizes(refs, setup);
  const { B, T, S, H, D } = sizes;
  const p = probabilities(refs, setup);
  const gradients = {
    query: zerosLike(refs.query),
    key: zerosLike(refs.key),
    value: zerosLike(refs.value),
  };
  for (let row = 0; row < B * H * T; row++) {
    const { q, k } = offsets(row, sizes);
    const dp = new Float64Array(S);
    let delta = 0;
    for (let j = 0; j < S; j++) {
      const keep = setup.keep?.(row, j) ?? 1;
      const pj = p.data[row * S + j]!;
      for (let d = 0; d < D; d++) {
        const g = dout.data[q + d]!;
        dp[j]! += keep * g * refs.value.data[k + j * H * D + d]!;
        gradients.value.data[k + j * H * D + d]! += keep * pj * g;
      }
      delta += pj * dp[j]!;
    }
    for (let j = 0; j < S; j++) {
      const ds = (p.data[row * S + j]! * (dp[j]! - delta)) / Math.sqrt(D);
      for (let d = 0; d < D; d++) {
        gradients.query.data[q + d]! += ds * refs.key.data[k + j * H * D + d]!;
        gradients.key.data[k + j * H * D + d]! += ds * refs.query.data[q + d]!;
      }
    }
  }
  return gradients;
}

/** The offsets of the query of a score row, and of the first key of its batch row and head. */
function offsets(row: number, { T, S, H, D }: Sizes): { q: number; k: number } {
  const i = row % T;
  const h = Math.floor(row / T) % H;
  const b = Math.floor(row / (T * H));
  return { q: ((b * T + i) * H + h) * D, k: (b * S * H + h) * D };
}
